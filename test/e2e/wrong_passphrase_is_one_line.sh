#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A wrong passphrase, and one that others can read, are refused with 77 on the camera and at the custodian's.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
start_ingestd
upload 101
(umask 077 && echo wrong > "$world/wrong")
expect 77 'passphrase' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$world/wrong"
one=$(find "$evidence" -name '*.p7m')
expect 77 'passphrase' shutterseal open --root "$server" --key "$custodian/custodian.key" --passphrase-file "$world/wrong" --out "$world/o" "$one"
chmod 644 "$passphrase"
expect 77 'passphrase' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
