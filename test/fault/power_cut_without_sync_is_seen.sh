#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The control of the power cuts: the same trial, and no sync of either program reaches the disk. The promise must break each time, and within a few
# tries as a loss: a picture that is stored twice may come first.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/power-cut.sh
. "$project/test/lib/power-cut.sh"
if [ -z "${IN_NAMESPACE:-}" ]; then
  needs loops
  for try in 1 2 3 4 5 6; do
    status=0
    IN_NAMESPACE=1 unshare -m -n sh "$0" "$@" > "$world/said" 2>&1 || status=$?
    if [ $status -ne 1 ] || ! grep -q '^breach: ' "$world/said"; then cat "$world/said"; fail "status $status at try $try, although nothing was synced"; fi
    ! grep -q '^breach: receipted, and 0 times in evidence\|^breach: a lost picture' "$world/said" || exit 0
  done
  fail "in $try tries no loss was said"
fi
enter_namespace "$@"
make_faults
preload=$(preload_of "$faults")
file_system=ext4
power_cuts apart 20
