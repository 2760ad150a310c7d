#!/bin/sh
# shellcheck disable=SC2016
# SPDX-License-Identifier: Apache-2.0
# A server that takes the connection and says nothing, one that falls silent in the middle, an upload that takes too long, a cap on bandwidth, SIGTERM
# in the middle: each ends as the configuration says, nothing is lost, and the next try arrives, once.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
conf=$(camera_root 101)/etc/shutterseal/upload.conf
mkdir -p "$(dirname "$conf")"
incoming=$server/srv/shutterseal/drop/cam-101/incoming
last_error() { shutterseal-upload status --root "$(camera_root 101)" --json | sed -n 's/.*"last_error":"\([^"]*\)".*/\1/p'; }
part_is_there() { [ -n "$(find "$incoming" -name '.*.part' 2> /dev/null)" ]; }
wait_for_part() { tries=0; until part_is_there; do tries=$((tries + 1)); [ $tries -lt 300 ] || fail "no upload begins"; sleep 0.05; done; }
port=$SSHD_PORT

# Nothing is said.
stop_sshd
/usr/bin/python3 -c "
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', $port)); s.listen()
held = []
while True: held.append(s.accept())" > "$world/silent.log" 2>&1 &
silent=$!
printf 'connect-timeout = 1s\nstall-timeout = 1h\n' > "$conf"
take_pictures 101 1 300000
upload 101 > "$world/said" 2>&1 || { cat "$world/said"; fail "a silent server is a dead line: 0"; }
[ "$(waiting 101)" -eq 1 ] || fail "the envelope is gone"
last_error | grep -q 'within connect-timeout' || fail "status does not say why: $(last_error)"
printf 'connect-timeout = 1h\nstall-timeout = 1s\n' > "$conf"
upload 101 > "$world/said" 2>&1 || { cat "$world/said"; fail "a silent server is a dead line: 0"; }
last_error | grep -q 'the line is dead' || fail "status does not say that the line is dead: $(last_error)"
kill $silent
wait $silent 2> /dev/null || true
start_sshd "$world/sshd" "$port"

# It falls silent in the middle. The cap makes the upload last; it can only ever be slower than the cap, so a lower bound is no matter of load.
printf 'stall-timeout = 1s\nbandwidth = 60k\nparcel-least = 1M\nparcel-most = 1M\n' > "$conf"
shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1 &
uploader=$!
wait_for_part
pkill -STOP -P "$SSHD_PID"
for session in $(pgrep -P "$SSHD_PID"); do pkill -STOP -P "$session" || true; done
wait $uploader || { cat "$world/said"; fail "a line that stalls is a dead line: 0"; }
shutterseal-upload status --root "$(camera_root 101)" > "$world/status"
grep -q '^last_error .*the line is dead' "$world/status" || { cat "$world/status"; fail "a line that stalls is not told as such"; }
[ ! -s "$world/said" ] || { cat "$world/said"; fail "cron would mail a line that is dead"; }
for session in $(pgrep -P "$SSHD_PID"); do pkill -KILL -P "$session" || true; done
pkill -KILL -P "$SSHD_PID" || true
[ "$(waiting 101)" -eq 1 ] || fail "after the stall the envelope is gone"

# Too long as a whole.
printf 'total-timeout = 1s\nbandwidth = 60k\nparcel-least = 1M\nparcel-most = 1M\n' > "$conf"
upload 101 > "$world/said" 2>&1 || { cat "$world/said"; fail "too long is a dead line: 0"; }
[ "$(waiting 101)" -eq 1 ] || fail "after too long a time the envelope is gone"
last_error | grep -q 'longer than total-timeout' || fail "status does not say why: $(last_error)"

# SIGTERM in the middle.
printf 'bandwidth = 60k\nparcel-least = 1M\nparcel-most = 1M\n' > "$conf"
rm -f "$incoming"/.*.part
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
uploader=$!
wait_for_part
kill $uploader
wait $uploader || { cat "$world/watch.log"; fail "SIGTERM in the middle does not end with 0"; }
[ "$(waiting 101)" -eq 1 ] || fail "after SIGTERM the envelope is gone"
[ -z "$(find "$incoming" -name '*.parcel' -not -name '.*')" ] || fail "half an upload has its final name"

# The cap holds: 300 kB at 60 KiB a second take more than four seconds, whatever else the machine does.
start_ingestd
started=$(date +%s%3N)
upload 101
took=$(($(date +%s%3N) - started))
[ $took -ge 4000 ] || fail "300 kB at 60 KiB/s took only $took ms"
[ "$(waiting 101)" -eq 0 ] || fail "the envelope did not arrive"
[ "$(envelopes "$evidence")" -eq 1 ] || fail "$(envelopes "$evidence") envelopes are in evidence, not one"
all_pictures_are_evidence

# An idle connection is closed, and the next picture opens another.
printf 'idle-close = 1s\n' > "$conf"
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
uploader=$!
take_pictures 101 1
sessions() { grep -c 'Accepted publickey' "$world/sshd/log"; }
before=$(sessions)
until_it_is() { tries=0; until eval "$2"; do tries=$((tries + 1)); [ $tries -lt 300 ] || { cat "$world/watch.log"; fail "$1"; }; sleep 0.1; done; }
until_it_is "the picture does not arrive" '[ "$(envelopes "$evidence")" -eq 2 ] && [ "$(waiting 101)" -eq 0 ]'
until_it_is "the idle connection stays open" '[ -z "$(pgrep -P "$SSHD_PID")" ]'
take_pictures 101 1
until_it_is "after the pause the picture does not arrive" '[ "$(envelopes "$evidence")" -eq 3 ] && [ "$(waiting 101)" -eq 0 ]'
[ "$(sessions)" -ge $((before + 1)) ] || fail "no second session was opened"
kill $uploader
wait $uploader || fail "watch does not end"
