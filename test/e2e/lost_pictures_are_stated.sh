#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a camera lost it says itself, once, in a signed event: envelopes that somebody deleted from the spool, that the server refused, files that are no
# pictures, originals that were overwritten while the spool was full. What was receipted and deleted in good order is no loss.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
conf=$(camera_root 101)/etc/shutterseal/upload.conf
mkdir -p "$(dirname "$conf")"
notes() { shutterseal find --root "$server" --kind event --json | sed 's/.*"note":"\([^"]*\)".*/\1/' | sort; }
has_notes() { notes > "$world/got"; printf '%s\n' "$@" | sort | diff - "$world/got" || fail "the statements are others"; }
start_ingestd
take_pictures 101 2
upload 101
port=$SSHD_PORT
stop_sshd
take_pictures 101 6
upload 101
[ "$(waiting 101)" -eq 6 ] || fail "the spool does not hold six"
rm "$(spool 101)"/*-4-*.p7m "$(spool 101)"/*-5-*.p7m "$(spool 101)"/*-7-*.p7m
start_sshd "$world/sshd" "$port"
upload 101
has_notes 'gap 4-5 vanished' 'gap 7-7 vanished'
# The custodian reads more, and the server's own picture of the chain agrees.
event=$(shutterseal find --root "$server" --kind event --json | sed -n 's/.*"file":"\([^"]*\)".*/\1/p' | head -1)
shutterseal open "$event" --root "$server" --key "$custodian/custodian.key" --passphrase-file "$passphrase" --out "$world/event" > "$world/open.log"
grep -q '^2 envelopes of chain [0-9a-f]\{32\}, 4 to 5: ' "$world/event"/*.txt || fail "the text does not say which"
runs=$(sqlite3 "$server/var/lib/shutterseal/index.db" 'SELECT first, last FROM run ORDER BY first' | tr '\n' ' ')
[ "$runs" = '1|3 6|6 8|10 ' ] || fail "the holes are elsewhere: $runs"
shutterseal find --root "$server" --kind event | grep -q ' "gap 4-5 vanished"$' || fail "find does not show the statement"
grep -q 'ingestd: alarm camera=101 kind=gap .* note="gap 7-7 vanished"$' "$world/ingestd.log" || fail "a loss is no alarm"
upload 101
has_notes 'gap 4-5 vanished' 'gap 7-7 vanished'

# Refused by the server, whose administrator lost the camera's certificate for a while.
signing=$server/etc/shutterseal/cameras/cam-101/signing
mv "$signing" "$signing.away"
mkdir "$signing"
take_pictures 101 1
upload 101 || true
[ "$(find "$(spool 101)/refused" -name '*.p7m' | wc -l)" -eq 1 ] || fail "nothing was refused"
rmdir "$signing"
mv "$signing.away" "$signing"
upload 101
has_notes 'gap 4-5 vanished' 'gap 7-7 vanished' 'gap 11-11 refused'

# A bad sector: that picture is put aside and said, and the one behind it goes.
make_jpeg "$(capture 101)/bad-sector.jpg" 5000
touch -d '1 minute ago' "$(capture 101)/bad-sector.jpg"
take_pictures 101 1
pictures=$(shutterseal find --root "$server" --kind image | wc -l)
expect 65 'the disk cannot read it' env LD_PRELOAD="$(preload_of "$build/fault/bad_sector.so")" BAD_SECTOR=bad-sector.jpg shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
[ "$(shutterseal find --root "$server" --kind image | wc -l)" -eq $((pictures + 1)) ] || fail "a bad sector stops the picture behind it"
notes | grep -q '^gap 1 rejected 20..-..-..T..:..:..Z$' || fail "what the disk lost is not stated"

# No pictures; and a full spool, while the camera software goes on.
echo rubbish > "$(capture 101)/a.jpg"
echo rubbish > "$(capture 101)/b.jpg"
touch -d '2 minutes ago' "$(capture 101)"/*.jpg
upload 101 2> "$world/said" || [ $? -eq 65 ] || fail "rubbish ends with $?"
notes | grep -q '^gap 2 rejected 20..-..-..T..:..:..Z$' || fail "what was no picture is not stated"
stop_sshd
echo 'spool-limit = 1M' > "$conf"
take_pictures 101 3 400000
expect 73 'the spool is full' upload 101
take_pictures 101 3 30000
expect 73 'the spool is full' upload 101
# One is deleted, one has another picture in the same file.
set -- "$(capture 101)"/*.jpg
rm "$1"
make_jpeg "$world/other" 30000
cat "$world/other" > "$2"
touch -d '5 seconds ago' "$2"
start_sshd "$world/sshd" "$port"
expect 73 'the spool is full' upload 101
upload 101
notes | grep -q '^gap 2 spool-full 20..-..-..T..:..:..Z$' || { notes; fail "what a full spool cost is not stated"; }
before=$(notes)
upload 101
[ "$(notes)" = "$before" ] || fail "something is stated twice"
[ "$(waiting 101)" -eq 0 ] || fail "something waits"
