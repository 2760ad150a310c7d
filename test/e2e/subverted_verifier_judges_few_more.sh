#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A verifier that was taken over unnoticed refuses everybody's pictures from then on: it is renewed after verifier-life drops, and what it refused
# is in quarantine. The control: one that lives longer refuses them all.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
make_server
make_fleet evil 1 0 1 100
# trial LIFE: 30 pictures of a camera behind the drop that takes the only verifier over.
trial() {
  configure 'workers = 1' "verifier-life = $1"
  make_fleet "life$1-" 1 30 1 5000
  victim=life$1-1
  { echo 'subverted: turn'; head -c 600 /dev/zero; } > "$(incoming evil1)/turn.parcel"
  : > "$world/ingestd.log"
  "$build/test/subverted-ingestd" --root "$server" --foreground --once 2>> "$world/ingestd.log"
  stored=$(stored_of "$victim")
  kept=$(find "$quarantine/cam-$victim" -name '*.parcel' 2> /dev/null | wc -l)
  [ $((stored + kept)) -eq 30 ] || fail "life $1: $stored stored and $kept kept of 30"
}
trial 8
[ "$kept" -eq 7 ] || fail "with a life of 8 drops $kept pictures were refused after the one that took it over, not 7"
trial 1
[ "$kept" -eq 0 ] || fail "with a life of one drop $kept pictures were refused"
trial 1000
[ "$kept" -eq 30 ] || fail "the control: a verifier that lives on refused $kept of 30"
