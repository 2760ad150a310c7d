#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every vector as a drop: the daemon gives the verdict in its name, keeps what it refuses, stores what it accepts. Then replays, another camera's
# directory, parcels of ten thousand, one octet too many. The control: stock openssl takes the classic forgeries, so they are forgeries.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
make_server
configure 'rescan = 1h'
vectors=$world/vectors
/usr/bin/python3 "$project/test/vectors/make.py" "$vectors"
cp "$vectors/custodian.pem" "$server/etc/shutterseal/custodians/vectors.pem"
rm "$server/etc/shutterseal/authority.pem"  # of two authorities: the registry is believed by its place
# enrol ID CERTIFICATE: as `camera add` leaves it, with the second implementation's certificate.
enrol() {
  make_fleet "$1-" 1 0 1 100
  mv "$server/etc/shutterseal/cameras/cam-$1-1" "$server/etc/shutterseal/cameras/cam-$1"
  mv "$server/srv/shutterseal/drop/cam-$1-1" "$server/srv/shutterseal/drop/cam-$1"
  rm "$server/etc/shutterseal/cameras/cam-$1/signing"/*.pem
  cp "$2" "$server/etc/shutterseal/cameras/cam-$1/signing/vector.pem"
}
enrol 102 "$vectors/camera.pem"
enrol 103 "$vectors/other.pem"

for name in trailing-octet foreign-certificate-added unsigned-attribute second-digest-algorithm version-1 version-77 octet-string-in-pieces \
  indefinite-length length-not-minimal content-type-changed signed-attributes-as-content signed-attributes-as-content-of-another-type \
  signature-algorithm-sha512 signature-algorithm-rsa attributes-in-another-order no-recipient; do
  openssl cms -verify -binary -inform DER -in "$vectors/verify/malformed__$name.p7m" -certfile "$vectors/camera.pem" -CAfile "$vectors/authority.pem" \
    -out "$world/taken" 2> "$world/openssl.log" || fail "the control: openssl refuses $name, so it is no forgery"
done
openssl cms -verify -binary -inform DER -in "$vectors/verify/bad-signature__high-s.p7m" -certfile "$vectors/camera.pem" -CAfile "$vectors/authority.pem" \
  -out "$world/taken" 2> "$world/openssl.log" || fail "the control: openssl refuses high-s"

drop_all() {  # FOLDER CAMERA
  for file in "$vectors/$1"/*.p7m; do cp "$file" "$(incoming "$2")/$(basename "$file" .p7m).parcel"; done
}
drop_all verify 102
drop_all dropped 103
ingest_once
wrong=0
check_one() {  # FILE CAMERA
  name=$(basename "$1" .p7m) verdict=$(basename "$1" | sed 's/__.*//')
  case $verdict in
    accepted) return ;;
  esac
  grep -q "refused camera=$2 verdict=$verdict file=\"$name.parcel\"" "$world/ingestd.log" || { echo "$name: not refused so"; wrong=$((wrong + 1)); }
  find "$quarantine/cam-$2" -name '*.parcel' -exec cmp -s "$1" {} \; -print | grep -q . || { echo "$name: not kept"; wrong=$((wrong + 1)); }
}
for file in "$vectors"/verify/*.p7m; do check_one "$file" 102; done
for file in "$vectors"/dropped/*.p7m; do check_one "$file" 103; done
[ $wrong -eq 0 ] || fail "$wrong vectors were treated otherwise"
# Three of sequence 42 and one of 43 that names none of them as its predecessor: all but the first stored are forks; the good half of a parcel with an octet too many is one of those again.
[ "$(stored_of 102)" -eq 4 ] || fail "$(stored_of 102) of 4 envelopes of camera 102 are stored"
[ "$(said 'accepted camera=102 .* flag=fork')" -eq 3 ] || fail "$(said 'camera=102 .*flag=fork') of 3 forks are flagged"
# Camera 103 signed its own envelope in the middle of camera 102's chain: that is no fork of anything.
[ "$(said 'camera=103 .*flag=fork')" -eq 0 ] || fail "a chain of another camera made a fork"
[ "$(stored_of 103)" -eq 1 ] || fail "$(stored_of 103) of 1 envelope of camera 103 is stored"
find "$evidence" -name '*.p7m' -exec sha256sum {} + | cut -d' ' -f1 | sort > "$world/stored"
for file in "$vectors"/verify/accepted__plain.p7m "$vectors"/dropped/accepted__own.p7m; do
  grep -q "$(sha256sum < "$file" | cut -d' ' -f1)" "$world/stored" || fail "$(basename "$file") is not stored"
done

# A replay, under its own name, another name, and ten times in one parcel, changes nothing.
: > "$world/ingestd.log"
cp "$vectors/verify/accepted__plain.p7m" "$(incoming 102)/accepted__plain.parcel"
cp "$vectors/verify/accepted__plain.p7m" "$(incoming 102)/43-43-0123456789abcdef.parcel"
for _ in 1 2 3 4 5 6 7 8 9 10; do cat "$vectors/verify/accepted__plain.p7m"; done > "$(incoming 102)/42-51-0123456789abcdef.parcel"
ingest_once
[ -z "$(find "$(incoming 102)" -type f)" ] || fail "a replay was left"
[ "$(said 'accepted\|refused')" -eq 0 ] || fail "a replay was taken for something new"
[ "$(stored_of 102)" -eq 4 ] || fail "a replay was stored"

# Ten thousand in one parcel: of real ones a thousand are stored and the rest is kept; shells of four octets are rubbish. Neither stops the daemon,
# not even with the usual soft limit of descriptors, has it replace a verifier, or hides another's picture.
make_fleet tiny 1 1 10000 10
i=0
while [ $i -lt 10000 ]; do printf '0\002\005\000'; i=$((i + 1)); done > "$(incoming 102)/shells.parcel"
make_fleet after 1 1 1 5000
: > "$world/ingestd.log"
prlimit --nofile=256: shutterseal-ingestd --root "$server" --foreground --once 2>> "$world/ingestd.log"
grep -q 'refused camera=tiny1 verdict=malformed' "$world/ingestd.log" || fail "ten thousand envelopes in one parcel were not refused"
grep -q 'refused camera=102 verdict=malformed file="shells.parcel"' "$world/ingestd.log" || fail "ten thousand shells were not refused"
[ "$(stored_of tiny1)" -eq 1023 ] || fail "$(stored_of tiny1) of 1023 of them are stored"
find "$quarantine/cam-tiny1" -name '*.parcel' -size +5000k | grep -q . || fail "the parcel that holds the rest is not kept"
[ "$(said verifier-replaced)" -eq 0 ] || fail "a large parcel was taken for a subverted verifier"
[ "$(stored_of after1)" -eq 1 ] || fail "the picture behind them did not arrive"

# A picture of 16 MiB is good. An envelope may be 8 KiB larger; an octet more is too large, whatever is in it.
make_fleet large 1 1 1 16777216
shell_of() { python3 -c 'import sys; n = int(sys.argv[1]); sys.stdout.buffer.write(b"\x30\x84" + (n - 6).to_bytes(4, "big") + bytes(n - 6))' "$1"; }
shell_of $((16777216 + 8192)) > "$(incoming large1)/2-2-limit.parcel"
shell_of $((16777216 + 8193)) > "$(incoming large1)/3-3-beyond.parcel"
ingest_once
[ "$(stored_of large1)" -eq 1 ] || fail "a picture of 16 MiB was refused"
grep -q 'refused camera=large1 verdict=malformed file="2-2-limit.parcel"' "$world/ingestd.log" || fail "an envelope at the limit is not judged by its content"
grep -q 'refused camera=large1 verdict=too-large file="3-3-beyond.parcel"' "$world/ingestd.log" || fail "an envelope beyond the limit is not too-large"
[ "$(find "$quarantine/cam-large1" -name '*.parcel' | wc -l)" -eq 2 ] || fail "what is too large is not kept"
