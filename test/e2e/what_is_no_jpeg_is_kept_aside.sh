#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Empty, truncated and foreign files are moved to rejected/ on the camera and never sent or dropped; a good one beside them goes.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
: > "$(capture 101)/empty.jpg"
echo 'not a picture' > "$(capture 101)/text.jpg"
make_jpeg "$world/whole" 5000
head -c 3000 "$world/whole" > "$(capture 101)/truncated.jpg"
touch -d '10 minutes ago' "$(capture 101)"/*.jpg
start_ingestd
upload 101 > "$world/said" 2>&1 || true
[ "$(find "$(capture 101)/rejected" -type f | wc -l)" -eq 3 ] || { cat "$world/said"; ls -lR "$(capture 101)"; fail "rejected/ does not hold the three files"; }
[ "$(shutterseal find --root "$server" --kind image | wc -l)" -eq 1 ] || fail "evidence does not hold the one picture"
[ "$(shutterseal find --root "$server" --kind event | grep -c '"gap 3 rejected ')" -eq 1 ] || fail "what was rejected is not stated"
all_pictures_are_evidence
