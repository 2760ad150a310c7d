#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The power goes at random moments under load, of the camera, of the server, of both, on xfs: CUTS times (20; LONG=1: 200), half of them with
# each layout of the disks. SEED repeats a run's choices.
file_system=xfs
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
# shellcheck source=test/lib/power-cut.sh
. "$project/test/lib/power-cut.sh"
enter_namespace "$@"
[ -n "${CUTS:-}" ] || { [ -n "${LONG:-}" ] && CUTS=200 || CUTS=20; }
power_cuts together $((CUTS / 2))
power_cuts apart $((CUTS / 2))
