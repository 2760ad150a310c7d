#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A camera is revoked as stolen at T: good is what the server had before T, in evidence or waiting in the drop directory, and the backlog that this leads
# to, in whatever order it comes; the thief's pictures, with a backdated clock and the camera's own keys and chain, are void: kept, not receipted,
# not opened unless asked for. A lost index, made again in both ways, says the same, and so does an index of the format before.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
index=$server/var/lib/shutterseal/index.db
incoming=$server/srv/shutterseal/drop/cam-101/incoming
aside=$server/var/lib/shutterseal/void
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
revoke() { shutterseal camera revoke --root "$server" "$@"; }
# drop NAME SEQUENCE...: these of the spool as one parcel.
drop() {
  name=$1
  shift
  for sequence; do cat "$(spool 101)"/*-"$sequence"-*.p7m; done > "$world/parcel"
  mv "$world/parcel" "$incoming/$name.parcel"
}
# What find says of each, in the order of the chain: SEQUENCE VERDICT PROOF
said() {
  shutterseal find --root "$server" --camera 101 --json | python3 -c '
import json, sys
for row in sorted(map(json.loads, sys.stdin), key=lambda row: row["sequence"]):
    print(row["sequence"], row["verdict"], row.get("proof", "-").split(":")[0])'
}
says() {
  printf '%s\n' "$@" > "$world/wanted"
  said > "$world/found"
  cmp -s "$world/wanted" "$world/found" || { diff "$world/wanted" "$world/found"; fail "find says something else"; }
}

# Had before: 1 and 2 in evidence, 8 in the drop directory while the daemon was down. 3 to 7 are still on the camera.
take_pictures 101 2 6000
start_ingestd
upload 101
stop_ingestd
stop_sshd
take_pictures 101 6 6000
upload 101
[ "$(waiting 101)" -eq 6 ] || fail "the spool does not hold what was taken"
drop 8-8-00000000000000aa 8
# sshd was killed within its rename: the second name must go, and must not go too early.
ln "$incoming/8-8-00000000000000aa.parcel" "$incoming/.8-8-00000000000000aa.parcel.part"
touch -d '30 days ago' "$incoming/8-8-00000000000000aa.parcel"
sleep 0.02
stolen_at=$(now)

# The thief goes on with keys, chain and a clock that says an hour ago.
mkdir "$world/backlog"
cp "$(spool 101)"/*.p7m "$world/backlog/"
mkdir "$world/thief" "$world/kept"
mv "$world/originals" "$world/kept/"
set_clock -3600000
PATH_BEFORE=$PATH
under_clock shutterseal-upload
take_pictures 101 2 6000
upload 101
PATH=$PATH_BEFORE
rm -r "$world/originals"
mv "$world/kept/originals" "$world/"
drop 9-10-00000000000000aa 9 10
drop 3-5-00000000000000aa 3 4 5
echo rubbish > "$incoming/11-11-00000000000000aa.parcel"
# A copy of what waits there since before, to be taken in first and make it void.
cat "$world"/backlog/*-8-*.p7m > "$incoming/0-0-00000000000000aa.parcel"
printf 'group-files = 1\nworkers = 1\n' > "$server/etc/shutterseal/ingestd.conf"

# Refused, and nothing is changed.
cp -r "$server/etc/shutterseal/cameras/cam-101" "$world/before"
expect 67 'not enrolled' revoke 999 --reason stolen
expect 64 '--reason is stolen, lost, key-compromise or retired' revoke 101 --reason sold
expect 64 '--reason is needed' revoke 101
expect 64 'is in the future' revoke 101 --reason stolen --stolen-at 2999-01-01
expect 64 'is a UTC time' revoke 101 --reason stolen --stolen-at yesterday
expect 64 'is before the camera was enrolled' revoke 101 --reason stolen --stolen-at 2001-01-01
expect 64 'does not go with --reason retired' revoke 101 --reason retired --stolen-at "$stolen_at"
sed -i 's/^state = active$/state = suspended/' "$server/etc/shutterseal/cameras/cam-101/camera.conf"
expect 64 'is suspended: --stolen-at is needed' revoke 101 --reason stolen
sed -i 's/^state = suspended$/state = active/' "$server/etc/shutterseal/cameras/cam-101/camera.conf"
diff -r "$server/etc/shutterseal/cameras/cam-101" "$world/before" || fail "a revocation that was refused has changed something"
[ "$(id -u)" -eq 0 ] || { chmod a-w "$server/etc/shutterseal/cameras/cam-101" && expect 77 'permission denied' revoke 101 --reason stolen && chmod u+w "$server/etc/shutterseal/cameras/cam-101"; }

expect 0 'camera 101 is revoked (stolen)' revoke 101 --reason stolen --stolen-at "$stolen_at"
grep -q '^state = revoked$' "$server/etc/shutterseal/cameras/cam-101/camera.conf" || fail "the state is not in camera.conf"
[ ! -s "$server/etc/shutterseal/cameras/cam-101/authorized_keys" ] || fail "the SSH key is still there"
ingest_once
[ -z "$(find "$incoming" -type f)" ] || fail "drops are left"
says '1 accepted received-before' '2 accepted received-before' '3 void-after-theft -' '4 void-after-theft -' '5 void-after-theft -' \
  '8 accepted received-before' '9 void-after-theft -' '10 void-after-theft -'
[ "$(envelopes "$aside")" -eq 6 ] || fail "what is void is not in void/"
grep -q 'void camera=101 chain=.* seq=8 ' "$world/ingestd.log" || fail "the copy did not come first"
grep -q 'accepted camera=101 chain=.* seq=8 .* proof=received-before$' "$world/ingestd.log" || fail "no line says why 8 is good"
grep -q 'void camera=101 chain=.* seq=9 bytes=[0-9]* sha256=[0-9a-f]* verdict=void-after-theft$' "$world/ingestd.log" || fail "no line says that 9 is void"
grep -q 'refused camera=101 verdict=malformed file="11-11' "$world/ingestd.log" || fail "rubbish is not refused as ever"

# The rest of the backlog: linked from 8, and leads to what was put aside.
drop 6-7-00000000000000aa 6 7
ingest_once
eighth=$(sha256sum "$world"/backlog/*-8-*.p7m | cut -c1-16)
good='1 accepted received-before
2 accepted received-before
3 accepted linked-from
4 accepted linked-from
5 accepted linked-from
6 accepted linked-from
7 accepted linked-from
8 accepted received-before
9 void-after-theft -
10 void-after-theft -'
says "$good"
grep -q "accepted camera=101 chain=.* seq=6 .* proof=linked-from:$eighth\$" "$world/ingestd.log" || fail "no line says what leads to 6"
grep -q "acquitted camera=101 chain=.* seq=3 sha256=[0-9a-f]* proof=linked-from:$eighth\$" "$world/ingestd.log" || fail "no line says what leads to 3"

# The receipt ends with the eighth.
receipt=$server/srv/shutterseal/drop/cam-101/receipts/receipt.p7m
grep -a -q "^run [0-9a-f]* 1 8 $(sha256sum "$world"/backlog/*-8-*.p7m | cut -d' ' -f1)" "$receipt" || { grep -a '^run' "$receipt"; fail "the backlog is not receipted"; }
if grep -a '^run' "$receipt" | grep -v ' 1 8 '; then fail "the receipt speaks of something else"; fi

# Sent once more: no second copy, no receipt.
drop 9-10-00000000000000bb 9 10
cp "$receipt" "$world/receipt"
ingest_once
cmp -s "$receipt" "$world/receipt" || fail "a thief's second try gets a receipt"
[ "$(envelopes "$aside") $(envelopes "$evidence")" = "6 5" ] || fail "something is stored twice"

# An index that was lost, that was made again, and one of the format before.
shutterseal find --root "$server" --json > "$world/found"
same_as_before() {
  shutterseal find --root "$server" --json > "$world/again"
  cmp -s "$world/found" "$world/again" || { diff "$world/found" "$world/again"; fail "$1 says something else"; }
}
expect 0 '10 envelopes indexed, 0 left out' shutterseal index rebuild --root "$server"
same_as_before "the rebuilt index"
rm "$index"*
ingest_once
same_as_before "the adopted index"
rm "$index"*
ingest_once
python3 - "$index" <<'P'
import sqlite3, sys
index = sqlite3.connect(sys.argv[1])
index.execute("DELETE FROM envelope WHERE place <> 0")
for change in ("DROP INDEX envelope_first", "DROP INDEX envelope_put_aside", "ALTER TABLE envelope DROP COLUMN place", "DROP TABLE folder", "DROP TABLE apart", "PRAGMA user_version = 1"):
    index.execute(change)
index.commit()
P
expect 75 'older format 1' shutterseal find --root "$server"
ingest_once
same_as_before "the migrated index"

# verify and open, each for itself, and together.
expect 1 "void-after-theft camera=101 .* stolen=$stolen_at received=" shutterseal verify --root "$server" "$(find "$aside" -name '*-9-*.p7m')"
expect 0 "accepted camera=101 .* proof=linked-from:$eighth" shutterseal verify --root "$server" "$(find "$aside" -name '*-3-*.p7m')"
expect 0 '"proof":"received-before"' shutterseal verify --root "$server" --json "$(find "$evidence" -name '*-1-*.p7m')"
open_all() { shutterseal open --root "$server" --key "$custodian/custodian.key" --passphrase-file "$passphrase" "$@"; }
# shellcheck disable=SC2046
expect 1 'void-after-theft' open_all --out "$world/opened" $(find "$aside" "$evidence" -name '*.p7m')
[ "$(digests "$world/originals")" = "$(digests "$world/opened")" ] || fail "opened is not exactly what the camera took before the theft"
expect 1 'void-after-theft .* picture=' open_all --void --out "$world/void-opened" "$(find "$aside" -name '*-9-*.p7m')"
[ "$(find "$world/void-opened" -type f | wc -l)" -eq 1 ] || fail "asked for, a void picture does not open"
# The camera is found again: its spool vouches for itself, as a whole, by what an index of elsewhere says.
mkdir -p "$world/elsewhere"
python3 - "$index" "$world/elsewhere/index.db" <<'P'
import sqlite3, sys
index, copy = map(sqlite3.connect, sys.argv[1:])
index.backup(copy)
copy.execute("DELETE FROM envelope WHERE sequence BETWEEN 3 AND 7")
copy.commit()
P
away() { shutterseal verify --root "$world/elsewhere" --registry "$server/etc/shutterseal/cameras" --custodian "$custodian/custodian.pem" "$@"; }
expect 0 'proof=linked-from' away --index "$world/elsewhere/index.db" "$world"/backlog/*.p7m
cat "$world"/backlog/*-[3-5]-*.p7m "$world"/backlog/*-[67]-*.p7m > "$world/one.parcel"
expect 0 ' sequence=3 .*proof=linked-from' away --index "$world/elsewhere/index.db" "$world/one.parcel"
expect 1 'received=never' away --index "$world/elsewhere/index.db" "$world"/backlog/*-3-*.p7m
expect 1 'void-after-theft .* received=unknown' away "$world"/backlog/*-8-*.p7m
expect 1 '"received":"unknown"' away --json "$world"/backlog/*-8-*.p7m
expect 66 'unable to open' away --index "$world/elsewhere/none.db" "$world"/backlog/*-8-*.p7m

# For ever, and in no way around it.
expect 65 'revoked: that is final' shutterseal camera resume 101 --root "$server"
expect 65 'revoked: that is final' shutterseal camera bundle 101 --root "$server" --out "$world/bundle"
expect 73 'is enrolled already' shutterseal camera add 101 --root "$server" --request "$(camera_root 101)/var/lib/shutterseal-upload/keys/request.pem" \
  --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/bundle"

# Said again it changes nothing; milder it is refused; graver it is taken, and what is in evidence becomes void where it lies.
cp "$server/etc/shutterseal/cameras/cam-101/camera.conf" "$world/conf"
expect 0 'revoked (stolen)' revoke 101 --reason stolen
expect 65 'only an earlier time' revoke 101 --reason stolen --stolen-at "$(now)"
expect 65 'only an earlier time' revoke 101 --reason retired
cmp "$server/etc/shutterseal/cameras/cam-101/camera.conf" "$world/conf" || fail "a second revocation changed the first"
expect 0 'revoked (stolen)' revoke 101 --reason stolen --stolen-at "$(sed -n 's/^enrolled = //p' "$world/conf")"
if said | grep -v 'void-after-theft -$'; then fail "of a camera stolen on its first day something is good"; fi
expect 1 'void-after-theft' shutterseal verify --root "$server" "$(find "$evidence" -name '*-1-*.p7m')"

# Retired: what waits is judged and receipted as ever.
make_camera 102
quicken_keys 102
take_pictures 102 1 6000
upload 102
cat "$(spool 102)"/*.p7m > "$server/srv/shutterseal/drop/cam-102/incoming/1-1-00000000000000aa.parcel"
expect 0 'what it sent stays good' revoke 102 --reason retired
ingest_once
expect 0 ' accepted ' shutterseal find --root "$server" --camera 102
grep -a -q '^run' "$server/srv/shutterseal/drop/cam-102/receipts/receipt.p7m" || fail "a retired camera's last picture is not receipted"

# The list: verifiable by stock openssl, with reason and date; 103 stands in none.
make_camera 103
expect 64 'authority-key is needed' shutterseal crl --root "$server" --out "$world/crl.pem"
expect 0 '2 certificates of revoked cameras' shutterseal crl --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/crl.pem"
expect 73 'it exists' shutterseal crl --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/crl.pem"
expect 0 'verify OK' openssl crl -in "$world/crl.pem" -noout -verify -CAfile "$custodian/authority.pem"
openssl crl -in "$world/crl.pem" -noout -text > "$world/crl.txt"
for word in 'Key Compromise' 'Cessation Of Operation' 'Invalidity Date' 'X509v3 CRL Number' 'Authority Key Identifier'; do
  grep -q "$word" "$world/crl.txt" || { cat "$world/crl.txt"; fail "the list lacks '$word'"; }
done
checked() { openssl verify -crl_check -CAfile "$custodian/authority.pem" -CRLfile "$world/crl.pem" "$server/etc/shutterseal/cameras/cam-$1"/signing/*.pem; }
expect 2 'certificate revoked' checked 101
expect 2 'certificate revoked' checked 102
expect 0 'OK' checked 103

# Uploaded before the theft to a daemon that came back after it, and before anybody knew.
take_pictures 103 1 6000
upload 103
cat "$(spool 103)"/*.p7m > "$server/srv/shutterseal/drop/cam-103/incoming/1-1-00000000000000aa.parcel"
sleep 0.02
stolen_at=$(now)
sleep 0.02
ingest_once
expect 0 'revoked (stolen)' revoke 103 --reason stolen --stolen-at "$stolen_at"
expect 0 ' accepted .*received-before' shutterseal find --root "$server" --camera 103
