#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The key of somebody who is no recipient: not-decryptable, exit 1, no file written.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
start_ingestd
upload 101
shutterseal keys "$world/other" --passphrase-file "$passphrase" > "$world/other.log" 2>&1
one=$(find "$evidence" -name '*.p7m')
expect 1 'not-decryptable' shutterseal open --root "$server" --key "$world/other/custodian.key" --passphrase-file "$passphrase" --out "$world/o" "$one"
[ -z "$(find "$world/o" -type f 2>/dev/null)" ] || fail "something was written"
