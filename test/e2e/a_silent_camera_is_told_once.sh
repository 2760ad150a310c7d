#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Heartbeats while nothing moves, on a faster clock: watch seals one an interval, not more, and none while something waits; a camera that misses two is
# silent, in the list and to the command, once, whatever is restarted; it is back, once; no word of its own lets it be away for longer. Who is suspended, or never said a word, is not silent.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
# Ten minutes are a second.
rate=600
# Under a sanitizer a verifier starts late, and must not be minutes late.
[ -z "${SANITIZER_RUNTIME:-}" ] || rate=60
make_server
for id in 101 102 103 104; do make_camera $id; quicken_keys $id; done
conf=$(camera_root 101)/etc/shutterseal/upload.conf
mkdir -p "$(dirname "$conf")"
# Timeouts of libcurl run by the faster clock, too: they are no part of this.
printf 'heartbeat = 10m\nconnect-timeout = 1h\nstall-timeout = 1h\ntotal-timeout = 1d\nresend-after = 1d\nidle-close = 1h\n' > "$conf"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$SHUTTERSEAL_KIND $SHUTTERSEAL_CAMERA" >> %s/calls\n' "$world" > "$world/command"
chmod 755 "$world/command"
: > "$world/calls"
printf 'alert-command = %s/command\n' "$world" > "$server/etc/shutterseal/ingestd.conf"
plain_alert=$(command -v shutterseal-upload)
alert() { "$plain_alert" alert "$2" --root "$(camera_root "$1")" --passphrase-file "$passphrase" > "$world/alert.log"; }
set_clock 0 $rate
under_clock shutterseal-upload shutterseal-ingestd
start_watch() {
  shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" 2>> "$world/watch.log" &
  watch=$!
  HELPERS="$HELPERS $watch"
}
heartbeats() { shutterseal find --root "$server" --camera "$1" --kind event 2> /dev/null | grep -c '"heartbeat 600"$' || true; }
has_heartbeats() { [ "$(heartbeats 101)" -ge "$1" ]; }
said() { grep -c "ingestd: $1" "$world/ingestd.log" || true; }
has_said() { [ "$(said "$1")" -ge 1 ]; }
has_called() { grep -qx "$1" "$world/calls"; }

start_ingestd
start_watch
began=$(date +%s%3N)
until_true "no heartbeats" has_heartbeats 2
simulated=$((($(date +%s%3N) - began) * rate / 1000))
echo "2 heartbeats in $simulated simulated seconds"
[ $simulated -ge 1000 ] || fail "heartbeats come too often"
shutterseal camera list --root "$server" --json | grep '"camera":"101"' | grep -q '"heartbeat_seconds":600' || fail "the list does not know the interval"
# 104 says a word and is suspended, 103 sends a picture alone.
alert 104 'heartbeat 600'
shutterseal camera suspend 104 --root "$server" > "$world/suspend.log"
take_pictures 103 1
"$plain_alert" run --root "$(camera_root 103)" --passphrase-file "$passphrase"

kill $watch
wait $watch || fail "watch ended with $?"
# On a slow machine it may have been silent before, for a moment.
silent=$(said 'silent camera=101 ') back=$(said 'back camera=101 ')
[ "$silent" -eq "$back" ] || silent=$((silent - 1))
is_told() { [ "$(said "$1 camera=101 last=[0-9TZ:-]* seconds=[0-9]*$")" -gt "$2" ]; }
until_true "101 does not fall silent" is_told silent "$silent"
until_true "the command is not told" has_called 'silent 101'
shutterseal camera list --root "$server" | grep -q '^101 .* silent since 20' || fail "the list does not say that it is silent"
shutterseal camera show 101 --root "$server" --json | grep -q '"silent_since":"20' || fail "show does not say that it is silent"
# Restarted, the daemon tells of 102, which it hears now, and of none that it knew to be silent.
stop_ingestd
start_ingestd
alert 102 'heartbeat 600'
until_true "102 does not fall silent" has_said 'silent camera=102 '
[ "$(said 'silent camera=101 ')" -eq $((silent + 1)) ] || fail "101 is told again"
# A thief states a week and switches off: told at once, and silent when it ever was.
alert 102 'heartbeat 604800'
until_true "the longer interval is not told" has_called 'heartbeat-changed 102'
[ "$(said 'heartbeat-changed camera=102 from=600 to=604800$')" -eq 1 ] || fail "no line tells of the longer interval"
fell_again() { [ "$(said 'silent camera=102 ')" -eq 2 ]; }
until_true "102 may be away for a week by its own word" fell_again
[ "$(said 'silent camera=103 ')" -eq 0 ] || fail "a camera that stated nothing is silent"
[ "$(said 'silent camera=104 ')" -eq 0 ] || fail "a suspended camera is silent"
# Back.
start_watch
until_true "101 is not back" is_told back "$back"
until_true "the command is not told" has_called 'back 101'
if shutterseal camera list --root "$server" | grep '^101 ' | grep -q silent; then fail "the list still says that it is silent"; fi
# What waits is a sign of life itself: without a server one heartbeat is sealed, and no more.
stop_ingestd
stop_sshd
sealed() { find "$(spool 101)" -maxdepth 1 -name '*.p7m' | wc -l; }
has_sealed() { [ "$(sealed)" -ge 1 ]; }
until_true "nothing is sealed while the line is down" has_sealed
sleep "$(awk "BEGIN { print 900 / $rate }")"
[ "$(sealed)" -eq 1 ] || fail "$(sealed) heartbeats wait for the line"
kill $watch
wait $watch || fail "watch ended with $?"

# run keeps the time of the last one in a file, and is not stopped by a clock that was set back.
run_103() { "$plain_alert" run --root "$(camera_root 103)" --passphrase-file "$passphrase"; }
at=$(camera_root 103)/var/lib/shutterseal-upload/state/heartbeat
# has_waiting N SECONDS: so many wait after a run whose last heartbeat was so long ago.
has_waiting() {
  [ -z "$2" ] || printf 'format = 1\nat = %s\n' $((($(date +%s) - $2) * 1000)) > "$at"
  run_103
  [ "$(waiting 103)" -eq "$1" ] || fail "$(waiting 103) of $1 heartbeats after ${2:-some} seconds"
}
has_waiting 0 ''
has_waiting 0 800
has_waiting 1 1000
has_waiting 1 ''
has_waiting 2 -1000
has_waiting 2 ''
printf 'heartbeat = 5s\n' > "$conf"
expect 78 "'heartbeat' is 0s" "$plain_alert" -t --root "$(camera_root 101)"
