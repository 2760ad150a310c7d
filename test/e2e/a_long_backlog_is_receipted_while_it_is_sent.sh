#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A backlog of 50 MB on a line of 8 MB a second: the first half is receipted, and gone from the spool, before the last parcel is sent. A spool that is
# full has room again long before a day's backlog is through.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"

make_server
make_camera 101
start_ingestd
take_pictures 101 25 2000000
printf 'bandwidth = 8M\n' > "$world/capped.conf"
shutterseal-upload watch --config "$world/capped.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" 2> "$world/watch.log" &
HELPERS="$HELPERS $!"
all_are_stored() { [ "$(find "$evidence" -name '*.p7m' | wc -l)" -ge 25 ] && [ "$(waiting 101)" -eq 0 ]; }
wait_until 60 'the backlog does not drain' all_are_stored
first_receipt=$(grep -n 'receipt .*covered=[1-9]' "$world/watch.log" | head -1 | cut -d: -f1)
last_parcel=$(grep -n ' sent ' "$world/watch.log" | tail -1 | cut -d: -f1)
[ "${first_receipt:-$((last_parcel + 1))}" -lt "$last_parcel" ] || { cat "$world/watch.log"; fail "nothing was receipted before all was sent"; }
