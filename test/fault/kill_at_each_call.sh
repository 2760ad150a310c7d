#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL before and after a system call that changes a disk, in one pass through uploader and daemon; then a restart, and the promise holds.
# Each call with ALL=1 or LONG=1; else each STEP-th (8), from an offset (OFFSET repeats it), so that runs differ.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
sample_each 8
make_faults
make_templates
for victim in uploader daemon; do
  calls=$(calls_of $victim)
  echo "$victim: $calls calls, each $STEP-th from $OFFSET"
  at=$OFFSET
  while [ "$at" -le "$calls" ]; do
    for moment in kill-before kill-after; do
      if pass $victim $moment:"$at"; then
        # Two threads: another run may make a call less. Only at the end.
        [ "$at" -gt $((calls - 4)) ] || fail "$victim outlived $moment $at"
      fi
      recover_and_settle "$victim, $moment $(tail -1 "$world/calls")"
    done
    at=$((at + STEP))
  done
done
