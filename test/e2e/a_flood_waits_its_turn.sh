#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One camera floods, with good parcels and with rubbish, while fifty others send one picture each: theirs are stored after a few of the flood, not
# behind it. Then a flood that never ends: the daemon serves others all the same. Counts, not times.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
flood=''
stop_helpers() { [ -z "$flood" ] || kill "$flood" 2> /dev/null; }
make_server

# before_last PATTERN: how many lines have it before the last of the fifty was stored.
before_last() { sed -n '1,/the fifty are stored/p' "$world/order" | grep -c -- "$1" || true; }
mark_order() {
  awk -v mine="accepted camera=$1" '{ print } index($0, mine) && ++n == 50 { print "the fifty are stored" }' "$world/ingestd.log" > "$world/order"
  grep -q 'the fifty are stored' "$world/order" || fail "not all of the fifty were stored"
}

# One process takes everything that is there; the flood's camera comes first in every listing.
configure 'workers = 1' 'quarantine-quota = 64k'
make_fleet aa 1 600 1 2000
make_fleet good- 50 1 1 2000
ingest_once
mark_order good-
[ "$(stored_of aa1)" -eq 600 ] || fail "$(stored_of aa1) of 600 of the flood are stored"
# 32 in its first turn, and about one for each of the others after that.
[ "$(before_last 'camera=aa1')" -le 128 ] || fail "$(before_last 'camera=aa1') of the flood went before the last of the fifty"

# The share of one camera in the pipeline is bounded: with room for two on their way, no third goes before anybody's first.
: > "$world/ingestd.log"
configure 'workers = 1' 'quarantine-quota = 64k' 'pending-files = 2'
(cd "$(incoming aa1)" && seq -f '%g-rubbish.parcel' 300 | while read -r name; do echo rubbish > "$name"; done)
make_fleet next- 50 1 1 2000
ingest_once
mark_order next-
[ "$(said 'refused camera=aa1')" -eq 300 ] || fail "$(said 'refused camera=aa1') of 300 are refused"
[ "$(before_last 'refused camera=aa1')" -le 8 ] || fail "$(before_last 'refused camera=aa1') of the rubbish went before the last of the fifty"

# A flood that is never at its end: whenever the daemon has made room there is more, until the others' pictures are stored.
: > "$world/ingestd.log"
configure 'workers = 1' 'quarantine-quota = 64k' 'rescan = 1h'
make_fleet late- 50 2 1 2000 "$world/away"
start_ingestd
/usr/bin/python3 "$project/test/lib/endless_flood.py" "$(incoming aa1)" &
flood=$!
count_threads() { find "/proc/$INGESTD_PID/task" -mindepth 1 -maxdepth 1 | wc -l; }
threads=$(count_threads)
flood_is_on() { [ "$(said 'refused camera=aa1')" -ge 200 ]; }
wait_until 60 "the flood did not begin" flood_is_on
# A drop on its way is a descriptor until it was judged: many where nobody else sends, one while others send a picture now and then. Whose right to look at another
# process's descriptors is missing sees none.
on_their_way() { find "/proc/$INGESTD_PID/fd" -lname '*/cam-aa1/incoming/*' 2> /dev/null | wc -l; }
many_are_on_their_way() { [ "$(on_their_way)" -gt 1 ]; }
! has_need memory || wait_until 60 "the control: of the flood alone never more than one is on its way" many_are_on_their_way
send_late() {  # as many as it says, of those that are away
  find "$world/away" -name '*.parcel' | head -"$1" | while read -r parcel; do mv "$parcel" "$(incoming "$(basename "$(dirname "$parcel")" | cut -c5-)")/"; done
}
is_let_in_singly() { send_late 1; [ "$(on_their_way)" -le 1 ]; }
wait_until 60 "of the flood more than one is on its way while others send" is_let_in_singly
for _ in $(seq 20); do is_let_in_singly || fail "$(on_their_way) of the flood are on their way while others send"; done
send_late 100
late_are_stored() { [ "$(said 'accepted camera=late-')" -eq 100 ]; }
wait_until 120 "behind an endless flood $(said 'accepted camera=late-') of 100 pictures are stored" late_are_stored
kill -0 $flood || fail "the flood had ended before"
count=$(said 'refused camera=aa1')
flood_goes_on() { [ "$(said 'refused camera=aa1')" -gt "$count" ]; }
wait_until 60 "the control: the flood had ended" flood_goes_on
kill $flood
wait $flood 2> /dev/null || true
flood=''
# The committers wait for the same drop; those that get none go on waiting.
[ "$(count_threads)" -ge "$threads" ] || fail "of $threads threads of the daemon $(count_threads) are left"
stop_ingestd
grep -q trouble "$world/ingestd.log" && fail "the flood made trouble"
[ "$(envelopes "$evidence")" -eq 800 ] || fail "$(envelopes "$evidence") of 800 envelopes are stored"
