#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The power goes at random moments under load, of the camera, of the server, of both, on xfs. SEED repeats a run's choices.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/power-cut.sh
. "$project/test/lib/power-cut.sh"
power_cuts_on xfs "$@"
