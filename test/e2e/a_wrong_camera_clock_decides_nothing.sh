#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The camera is enrolled at 1970, goes on an hour ahead, and its clock jumps ahead and back while it works: nothing is lost, the chain stays one and unbroken,
# and day, hour and order in evidence are those of the server's clock.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
set_clock @60
under_clock shutterseal-upload
make_server
make_camera 101
# Heartbeats by such a clock would be counted below as pictures: a_silent_camera_is_told_once.sh has them.
mkdir -p "$(camera_root 101)/etc/shutterseal"
echo 'heartbeat = 0' > "$(camera_root 101)/etc/shutterseal/upload.conf"
began=$(date +%s%3N)
start_ingestd
stored=0
one_picture() {
  take_pictures 101 1
  stored=$((stored + 1))
}

# At 1970, with a picture of the same day.
one_picture
touch -d @30 "$(capture 101)"/*.jpg
upload 101
set_clock 3600000
one_picture
upload 101

# While it works: a day ahead, back to yesterday, to 1970, to now.
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
watch=$!
HELPERS="$HELPERS $watch"
for shift in 86400000 -86400000 @90 0; do
  set_clock "$shift"
  one_picture
  until_true "at $shift the picture does not arrive" is_settled 101 $stored
done
kill $watch
wait $watch || fail "watch did not end with 0"
all_pictures_are_evidence
ended=$(date +%s%3N)

# By the server: all of it between the beginning and the end of this trial, in the order of the chain, which is one.
shutterseal find --root "$server" --by received --json > "$world/found"
/usr/bin/python3 - "$world/found" "$stored" "$began" "$ended" "$evidence" <<'C' || fail "evidence is not ordered by the server's clock and the chain"
import datetime, json, os, sys
found, stored, began, ended, evidence = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
rows = [json.loads(line) for line in open(found)]
sealed = [row["sealed"] for row in rows]
assert len(rows) == stored and len({row["chain"] for row in rows}) == 1 and {row["verdict"] for row in rows} == {"accepted"}, rows
assert [row["sequence"] for row in rows] == list(range(1, stored + 1)), rows
assert min(sealed)[:4] == "1970" and sealed != sorted(sealed), "the camera's clock was not wrong at all"
names = [os.path.join(base, name) for base, _, files in os.walk(evidence) for name in files]
for name in names:
    received = int(os.path.basename(name).split("-")[0])
    hour = datetime.datetime.fromtimestamp(received / 1000, datetime.timezone.utc).strftime("/%Y-%m-%d/%H/")
    assert began <= received <= ended and hour in name, name
C
