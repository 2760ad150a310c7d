#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A thousand pictures wait on a slow line, watch is in the middle of them, cron's run stands aside: alert seals beside them, and its event is in evidence
# before nearly all of them. Sealed while the line is dead it says so, and goes first when the line is back. In the end the chain is whole.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
# proxy PORT ONE_WAY_MS OCTETS_PER_SECOND: the line, until end_helper.
proxy() {
  "$build/bench/delay_proxy" "$1" "$SSHD_PORT" "$2" "$3" > "$world/proxy.octets" &
  line=$!
  HELPERS="$HELPERS $line"
}
line_is_there() { /usr/bin/python3 -c "import socket; socket.create_connection(('127.0.0.1', $port)).close()" 2> /dev/null; }
events() { shutterseal find --root "$server" --kind event --json; }
has_event() { events | grep -q "\"note\":\"$1\""; }
alert() { shutterseal-upload alert "$@" --root "$(camera_root 101)" --passphrase-file "$passphrase"; }

make_server
port=$(free_port)
send_through "$port"
make_camera 101
quicken_keys 101
# A thousand small pictures, sealed with no line at all.
/usr/bin/python3 - "$(capture 101)" "$world/originals" <<'P'
import os, sys
for folder in sys.argv[1:]:
    os.makedirs(folder, exist_ok=True)
for i in range(1000):
    octets = b"\xff\xd8\xff\xe0" + os.urandom(300) + b"\xff\xd9"
    for folder in sys.argv[1:]:
        path = f"{folder}/{i:04d}.jpg"
        with open(path, "wb") as file:
            file.write(octets)
        os.utime(path, (1_790_000_000, 1_790_000_000))
P
upload 101
[ "$(waiting 101)" -eq 1000 ] || fail "$(waiting 101) of 1000 wait"
expect 75 'event 1001 is sealed and not sent' alert power 'on battery'
[ "$(waiting 101)" -eq 1001 ] || fail "the alarm is not in the spool"

# 50 kB/s for all connections together: more than two megabytes wait.
start_ingestd
proxy "$port" 20 50000
until_true "the line does not open" line_is_there
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" 2> "$world/watch.log" &
watch=$!
HELPERS="$HELPERS $watch"
until_true "what was sealed without a line does not go first" has_event power
before=$(envelopes "$evidence")
[ "$before" -le 2 ] || fail "$before envelopes came before the alarm, or with it"
upload 101 || fail "run does not stand aside"
expect 0 'sealed as 1002 of this chain, sent' alert tamper 'the cover was opened'
until_true "the alarm does not arrive" has_event tamper
after=$(envelopes "$evidence")
[ "$after" -lt 500 ] || fail "the alarm came behind $after of 1002"
[ "$(waiting 101)" -gt 500 ] || fail "the pictures were not waiting any more: $(waiting 101)"

# The rest at full speed.
end_helper "$line"
proxy "$port" 0 0
until_true "not everything arrives" is_settled 101 1002
kill "$watch"
wait "$watch" || fail "watch ended with $?"
[ "$(events | wc -l)" -eq 2 ] || fail "an event is stored twice"
# One unbroken run, from the first to the last.
runs=$(sqlite3 "$server/var/lib/shutterseal/index.db" 'SELECT first, last FROM run')
[ "$runs" = '1|1002' ] || fail "the chain is not whole: $runs"
[ "$(find "$quarantine" -type f | wc -l)" -eq 0 ] || fail "something was refused"
