#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The control: a picture is lost on purpose. The harness must see it, so this script must fail (status 1).
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 3
start_ingestd
upload 101
stop_ingestd
chmod -R u+w "$evidence"
find "$evidence" -name '*.p7m' | head -1 | xargs rm -f
all_pictures_are_evidence
