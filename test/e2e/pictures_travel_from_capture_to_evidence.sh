#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two cameras, one server: every picture ends in evidence once, opens byte-identical, and nothing is left on the cameras.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
make_camera 102
take_pictures 101 5
take_pictures 102 5 300000
start_ingestd
upload 101
upload 102
[ "$(waiting 101)$(waiting 102)" = 00 ] || fail "envelopes wait although a receipt should cover them"
[ "$(envelopes "$evidence")" -eq 10 ] || fail "evidence does not hold the ten envelopes"
all_pictures_are_evidence
expect 0 'accepted' shutterseal verify --root "$server" "$(head -1 "$world/list")"
expect 0 '"camera"' shutterseal find --root "$server" --camera 101 --json
expect 0 '101' shutterseal camera list --root "$server"
stop_ingestd
