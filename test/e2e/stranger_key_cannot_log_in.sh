#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A camera whose SSH key the server does not know is refused: one line, exit code 77, nothing lost.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
: > "$world/sshd/authorized_keys"
expect 77 'login' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
[ "$(waiting 101)" -eq 1 ] || fail "the envelope is gone"
