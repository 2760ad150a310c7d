#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ROUNDS (12) rounds, in each of which one camera or the server has a fault (test/fault/mixed_soak.py) while programs are killed: the other cameras'
# pictures arrive all the same, nothing is lost but what was damaged, and what is lost the camera states. SEED repeats the dice.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
rounds=${ROUNDS:-12}
[ -z "${LONG:-}" ] || rounds=120
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "SEED=$seed ROUNDS=$rounds"
make_server
printf 'free-least = 0\nrescan = 1s\n' > "$server/etc/shutterseal/ingestd.conf"
cameras='101 102 103 104'
for id in $cameras; do
  make_camera "$id"
  quicken_keys "$id"
  mkdir -p "$(camera_root "$id")/etc/shutterseal"
  printf 'log-level = warning\nresend-after = 5s\n' > "$(camera_root "$id")/etc/shutterseal/upload.conf"
done
DAEMON_PRELOAD=$(preload_of "$build/fault/clock.so") UPLOADER_PRELOAD=$(preload_of "$build/fault/clock.so" "$build/fault/bad_file.so")
export DAEMON_PRELOAD UPLOADER_PRELOAD
# shellcheck disable=SC2086
soak() { /usr/bin/python3 "$project/test/fault/mixed_soak.py" "$world" "$SSHD_PID" "$1" "$seed" $cameras; }

soak "$rounds" || fail "the soak did not come to its end"
# What waits to be stated together (ten minutes) is stated at a run's end, and arrives.
start_ingestd
for id in $cameras; do
  upload "$id" || fail "camera $id does not drain"
  upload "$id" || fail "camera $id does not drain"
  has_drained "$id" || fail "something of camera $id waits"
done
stop_ingestd
mkdir "$world/receipts"
for id in $cameras; do cp "$server/srv/shutterseal/drop/cam-$id/receipts/receipt.p7m" "$world/receipts/$id"; done
check() { /usr/bin/python3 "$project/test/fault/mixed_check.py" "$world" "$custodian/custodian.key" "$passphrase"; }
check || fail "the promise is broken"
[ "$(find "$world"/camera-*/var/lib/shutterseal-upload/spool/refused -name '*.p7m' | wc -l)" -eq 0 ] || fail "good pictures were refused"

cp "$world/fed" "$world/fed.kept"
cp "$world/damaged" "$world/damaged.kept"
# The control: without one mend (an uploader that never looks whether its capture directory is still the one it holds) the soak does not come to its end.
# Nobody is killed, because a start finds the place again.
mkdir "$world/careless"
ln -s "$build/test/careless-upload" "$world/careless/shutterseal-upload"
! FAULTS=replaced_place KILLS=0 LIMIT=20 PATH="$world/careless:$PATH" soak 2 > "$world/control" 2>&1 || fail "the soak does not see an uploader that loses its place"
grep -q 'keeps the others waiting\|waits for ever\|not sealed' "$world/control" || { cat "$world/control"; fail "the control fails in another way"; }
sed 's/^/control: /' "$world/control"
cp "$world/damaged.kept" "$world/damaged"

# And of the check: a picture that nobody stated to be lost, and a hole that nobody stated.
cp "$world/fed.kept" "$world/fed"
seq -f '%064.0f' 200 >> "$world/fed"
! check > "$world/said" || fail "the check does not see a lost picture"
grep -q 'pictures are lost' "$world/said" || fail "the check does not say that a picture is lost"
cp "$world/fed.kept" "$world/fed"
one=$(find "$evidence" -name '*.p7m' | sort | head -3 | tail -1)
mv "$one" "$world/hole"
! check > "$world/said" || fail "the check does not see a hole"
grep -q 'a hole in a chain\|indexed, and not there' "$world/said" || fail "the check does not say that an envelope is gone"
