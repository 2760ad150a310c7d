#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The uploader is killed between two deletions of what one receipt covers: the rest must not stay in the spool, and be sent, for ever.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
make_faults
make_templates
pass uploader none:0
recover_and_settle 'without a fault'
first=$(grep -m 1 'unlink .*/spool/.*p7m' "$world/calls" | cut -d' ' -f1)
# Two threads: the number of the call may differ by a few from run to run.
tries=0
until grep -c 'unlink .*/spool/.*p7m' "$world/calls" | grep -qx 1 && [ "$(waiting 101)" -eq 1 ]; do
  tries=$((tries + 1))
  [ $tries -le 20 ] || fail "it never dies between the two deletions"
  [ -z "$INGESTD_PID" ] || stop_ingestd
  pass uploader kill-after:$((first - 2 + tries % 5)) || true
done
recover_and_settle 'killed between two deletions'
