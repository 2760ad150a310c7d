#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A verifier that is killed before it could show what it can do was once taken for one that cannot work here: the daemon ended, for good. Now it is
# started again; where each is killed, nothing is judged, the error says so, and the drop waits.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$project/test/lib/fleet.sh"
make_server
# ingest_with KILLS
ingest_with() {
  KILLS=$1 LD_PRELOAD="$(preload_of "$build/fault/killed_verifiers.so")" \
    shutterseal-ingestd --root "$server" --foreground --once 2>> "$world/ingestd.log"
}
make_fleet a 1 1 1 5000
status=0
ingest_with 1000 || status=$?
[ $status -eq 75 ] || fail "with every verifier killed the daemon ended with $status, not 75"
grep -q 'a verifier was killed from outside: nothing was judged' "$world/ingestd.log" || fail "nobody is told that verifiers are killed"
[ "$(find "$(incoming a1)" -name '*.parcel' | wc -l)" -eq 1 ] || fail "the drop does not wait"
ingest_with 2 || fail "two verifiers that were killed at their start ended the daemon"
[ "$(stored_of a1)" -eq 1 ] || fail "the picture is not stored"
