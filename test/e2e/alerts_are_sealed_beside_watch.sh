#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# alert seals an event while watch runs; it arrives in the same chain with its note in clear and its text for the custodian alone. Behind another one
# that has had the line for too long it ends, and the next run sends its event.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
take_pictures 101 1
start_ingestd
upload 101
expect 0 'sealed as 2' shutterseal-upload alert tamper 'the cover was opened' --root "$(camera_root 101)" --passphrase-file "$passphrase"
take_pictures 101 1
upload 101
expect 0 '"note":"tamper"' shutterseal find --root "$server" --kind event --json
expect 64 'type' shutterseal-upload alert "$(printf 'new\nline')" --root "$(camera_root 101)" --passphrase-file "$passphrase"
event=$(shutterseal find --root "$server" --kind event --json | sed 's/.*"file":"\([^"]*\)".*/\1/')
shutterseal open "$event" --root "$server" --key "$custodian/custodian.key" --passphrase-file "$passphrase" --out "$world/event" > "$world/open.log"
grep -qx 'the cover was opened' "$world/event"/*.txt || fail "the text did not arrive"
if grep -a -q 'the cover was opened' "$event"; then fail "the text is readable in the envelope"; fi
[ "$(waiting 101)" -eq 0 ] || fail "the event waits"
# Another alert has had the line for too long: no more of them pile up behind it.
lock=$(camera_root 101)/var/lib/shutterseal-upload/state/alert.lock
mkfifo "$world/held"
flock "$lock" cat "$world/held" &
holder=$!
exec 9> "$world/held"
is_held() { ! flock -n "$lock" true; }
until_true "nobody holds the lock" is_held
touch -d '1 minute ago' "$lock"
expect 75 'not sent: others before it have the line; it stays in the spool' shutterseal-upload alert tamper --root "$(camera_root 101)" --passphrase-file "$passphrase"
exec 9>&-
wait $holder
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "the event that was not sent waits"
[ "$(shutterseal find --root "$server" --kind event | grep -c tamper)" -eq 2 ] || fail "the event that was not sent is not stored"
