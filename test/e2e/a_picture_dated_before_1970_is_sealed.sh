#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A memory card that counts in local time dates a picture before 1970, which no format can say: it is sealed with the nearest time there is, and the
# pictures beside it do not have to wait.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 3
touch -d '1969-12-31 22:00:00 UTC' "$(find "$(capture 101)" -name 'shot-0*')"
start_ingestd
upload 101
[ "$(envelopes "$evidence")" -eq 3 ] || fail "$(envelopes "$evidence") of 3 are stored"
all_pictures_are_evidence
grep -q '101_1970_01_01_00_00_00.jpg' "$world/open.log" || fail "the nearest time is not 1970"
