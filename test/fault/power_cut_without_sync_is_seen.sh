#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The control of the power cuts: the same trial, and no sync of either program reaches the disk. It must say that what a receipt covered is gone.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/power-cut.sh
. "$project/test/lib/power-cut.sh"
[ "$(id -u)" -eq 0 ] || exit 99
if [ -z "${IN_NAMESPACE:-}" ]; then
  status=0
  IN_NAMESPACE=1 unshare -m -n sh "$0" "$@" > "$world/said" 2>&1 || status=$?
  [ $status -eq 1 ] || fail "status $status, although nothing was synced"
  grep -q '^breach: receipted, and 0 times in evidence' "$world/said" || { cat "$world/said"; fail "the loss is not said"; }
  exit 0
fi
enter_namespace "$@"
make_faults
preload=$faults
file_system=ext4
power_cuts apart 20
