#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No server: run is silent and exits 0, the spool grows, nothing is lost; when the server is back all arrives.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 3
port=$SSHD_PORT
stop_sshd
upload 101 > "$world/said" 2>&1 || fail "run with the link down must exit 0"
[ "$(waiting 101)" -eq 3 ] || fail "the three envelopes are not in the spool"
expect 0 '3' shutterseal-upload status --root "$(camera_root 101)" --json
start_sshd "$world/sshd" "$port"
start_ingestd
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "the backlog did not drain"
all_pictures_are_evidence
