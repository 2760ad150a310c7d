#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Small files beyond number (twenty thousand; with LONG=1 a million) lie in one camera's directory when the daemon starts: another camera's picture
# arrives at once, memory stays small, the daemon stops when it is told to, and each file is still there or accounted for.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
count=20000
[ -z "${LONG:-}" ] || count=1000000
make_server
configure 'quarantine-quota = 64k' 'log-level = warning'
make_fleet aa 1 0 1 100
make_fleet other 1 1 1 5000 "$world/away"
python3 -c '
import os, sys
os.chdir(sys.argv[1])
for number in range(int(sys.argv[2])):
    with open(f"{number}-small.parcel", "wb") as file:
        file.write(b"%d" % number)' "$(incoming aa1)" "$count"
left_over() { drops_of aa1; }
start_ingestd
begun() { [ -d "$quarantine/cam-aa1" ]; }
wait_until 120 "the daemon does not begin" begun
mv "$world"/away/cam-other1/*.parcel "$(incoming other1)/"
arrived() { [ "$(stored_of other1)" -eq 1 ]; }
wait_until 120 "the other camera's picture did not arrive" arrived
[ "$(left_over)" -gt 0 ] || fail "the control: all was worked off before, so nothing was shown"
resident=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$INGESTD_PID/status")
[ "$resident" -le 65536 ] || fail "the daemon holds $resident KiB"
stop_ingestd
kept=$(find "$quarantine/cam-aa1" -name '*.parcel' | wc -l)
described=$(wc -l < "$quarantine/cam-aa1/overflow")
[ $(($(left_over) + kept + described)) -eq "$count" ] || fail "$(left_over) left, $kept kept, $described described of $count"
[ "$kept" -ge 1 ] || fail "none is kept"
