#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The server is down for an hour, in ten seconds of a faster clock: watch neither gives up nor hammers (pauses up to five minutes, whatever is photographed
# meanwhile), and when the server is back everything arrives by itself.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
rate=360
# Under a sanitizer libcurl must have the time to close what is dead: a second, by this clock.
[ -z "${SANITIZER_RUNTIME:-}" ] || rate=36
make_server
make_camera 101
# Timeouts of libcurl and heartbeats run by the faster clock, too: they are no part of this.
conf=$(camera_root 101)/etc/shutterseal/upload.conf
mkdir -p "$(dirname "$conf")"
printf 'connect-timeout = 1h\nstall-timeout = 1h\ntotal-timeout = 1d\nheartbeat = 0\n' > "$conf"
port=$SSHD_PORT
stop_sshd
# Whoever comes is counted and sent away.
/usr/bin/python3 -c "
import socket
with socket.create_server(('127.0.0.1', $port)) as listener:
    print('ready', flush=True)
    while True:
        listener.accept()[0].close()
        print('try', flush=True)" > "$world/tries" &
counter=$!
HELPERS="$HELPERS $counter"
until_true "the counter does not start" grep -q ready "$world/tries"
tries_so_far() { grep -c try "$world/tries" || true; }

take_pictures 101 2
set_clock 0 $rate
under_clock shutterseal-upload
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
watch=$!
HELPERS="$HELPERS $watch"
until_true "watch does not try at all" grep -q try "$world/tries"
began=$(date +%s%3N)
for _ in 1 2 3 4; do
  sleep "$(awk "BEGIN { print 900 / $rate }")"
  take_pictures 101 1
done
lasted=$((($(date +%s%3N) - began) * rate / 1000)) tried=$(tries_so_far)
echo "$tried tries in $lasted simulated seconds"
[ $lasted -ge 3600 ] || fail "only $lasted seconds were simulated"
# With pauses of at most five minutes there are more than ten in an hour, however the dice fall; by the true clock there would be about four.
[ "$tried" -ge 10 ] || fail "watch gave up, or its clock is not the faster one: $tried tries"
[ "$tried" -le $((lasted / 30)) ] || fail "watch hammers: $tried tries in $lasted seconds"
[ "$(waiting 101)" -ge 2 ] || fail "the spool lost something"

end_helper $counter
start_sshd "$world/sshd" "$port"
start_ingestd
until_true "the backlog does not drain by itself" is_settled 101 6
kill $watch
wait $watch || fail "watch did not end with 0"
all_pictures_are_evidence
