#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A server with another host key gets nothing: one line, exit code 76, the pictures stay in the spool.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
port=$SSHD_PORT
stop_sshd
rm "$world/sshd/host_key" "$world/sshd/host_key.pub"
start_sshd "$world/sshd" "$port"
expect 76 'host key' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
[ "$(waiting 101)" -eq 1 ] || fail "the envelope is gone"
[ -z "$(find "$server/srv/shutterseal/drop/cam-101/incoming" -type f)" ] || fail "something was sent"
