#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sync fails, or its program is killed just before it; then the program runs again. What the second run does must not rest on what was never synced:
# the order of both runs together is held against the rules, and the promise holds. Each STEP-th sync (2; LONG=1: each), from OFFSET.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
needs memory  # strace reads the names from it
sample_each 2
syncs=fsync,fdatasync,syncfs

# trial VICTIM HOW AT: false when there was no such sync any more.
trial() {
  begin_with "$1"
  [ "$1" = daemon ] || start_ingestd
  run_victim "$1" "$world/first" -e inject="$syncs:$2:when=$3" > "$world/said" 2>&1 || true
  grep -q 'INJECTED\|killed by SIGKILL' "$world/first" && ! only_verifiers_died || return 1
  run_victim "$1" "$world/second" > "$world/said" 2>&1 || { cat "$world/said"; fail "$1, $2 at sync $3: the next run fails"; }
  in_order "$world/first" "$world/second" || { cat "$world/said"; fail "$1, $2 at sync $3: it rests on what was never synced"; }
  [ "$1" = uploader ] || start_ingestd
  recover_and_settle "$1, $2 at sync $3"
}
# The daemon ends its verifiers with SIGKILL at every stop: no injection.
only_verifiers_died() { ! grep -q INJECTED "$world/first" && ! grep -q "^$(head -1 "$world/first" | cut -d' ' -f1) .*killed by SIGKILL" "$world/first"; }

make_templates
for victim in daemon uploader; do
  for how in error=EIO signal=KILL; do
    at=$OFFSET
    while trial "$victim" "$how" "$at"; do at=$((at + STEP)); done
    [ -z "$INGESTD_PID" ] || stop_ingestd
    echo "$victim, $how: syncs up to $at of a thread, each $STEP-th from $OFFSET"
    [ "$at" -gt 8 ] || fail "$victim: hardly any sync was seen"
  done
done
