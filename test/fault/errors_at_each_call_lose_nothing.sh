#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A system call that changes a disk fails once, in one pass through uploader and daemon: an error of the disk, no space, no quota, a file system
# that went read-only, half a write. The program says so or copes, never dies of it; the next run finishes, and nothing good is refused.
# Each STEP-th call for each error (32; LONG=1: each), from OFFSET.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
sample_each 32
make_faults
make_templates

# trial VICTIM FAULT
trial() {
  status=0
  pass "$1" "$2" || status=$?
  call=$(sed -n "${2#*:}p" "$world/calls")
  [ $status -lt 128 ] || { cat "$world/said"; fail "$1, $2 ($call): status $status"; }
  [ $status -eq 0 ] || [ -s "$world/said" ] || fail "$1, $2 ($call): status $status, and not a word"
  recover_and_settle "$1, $2 ($call)"
  [ -z "$(find "$quarantine" -type f)" ] || fail "$1, $2 ($call): something good was refused"
}
for victim in uploader daemon; do
  calls=$(calls_of $victim)
  from=$OFFSET
  for error in EIO ENOSPC EDQUOT EROFS short; do
    at=$from
    while [ "$at" -le "$calls" ]; do
      trial $victim $error:"$at"
      at=$((at + STEP))
    done
    from=$(((from + 4) % STEP + 1))  # another offset for each error
  done
  echo "$victim: $calls calls, each $STEP-th from $OFFSET"
done
