#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The kernel's queue of notices overflows while the daemon stands still; a picture that comes then is found all the same, long before the next look
# at everything. The control: a watcher with the same notices never hears of that picture.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
make_server
configure 'rescan = 1h'
make_fleet noise 1 1 1 5000 "$world/away"
make_fleet quiet 1 2 1 5000 "$world/away"
arrived() { [ "$(stored_of "$1")" -eq "$2" ]; }
drop_next() { find "$world/away/cam-$1" -type f | sort | head -1 | xargs -I{} mv {} "$(incoming "$1")/"; }
start_ingestd
drop_next noise1
drop_next quiet1
wait_until 60 "the daemon does not work" arrived quiet1 1
wait_until 60 "the daemon does not work" arrived noise1 1
kill -STOP "$INGESTD_PID"
/usr/bin/python3 "$project/test/lib/overflow.py" "$(incoming noise1)" "$(incoming quiet1)" "$world/away/cam-quiet1" > "$world/overflow" \
  || fail "the control: $(cat "$world/overflow")"
kill -CONT "$INGESTD_PID"
wait_until 120 "the picture whose notice was lost did not arrive" arrived quiet1 2
stop_ingestd
