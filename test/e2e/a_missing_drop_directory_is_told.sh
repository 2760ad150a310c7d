#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The camera's drop directory is gone from the server: `run` ends and says so, `status` knows, nothing is let go; once it is there again all arrive.
# (An upload that met "no such file" was taken for a fetch of what is not there yet, a good contact: `run` never ended, and no error was shown.)
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
incoming=$server/srv/shutterseal/drop/cam-101/incoming
mv "$incoming" "$world/incoming"
take_pictures 101 2
expect 75 'No such file' timeout 60 shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
[ "$(waiting 101)" -eq 2 ] || fail "the camera let go of a picture"
shutterseal-upload status --root "$(camera_root 101)" > "$world/status"
grep -q '^last_error .*No such file' "$world/status" || { cat "$world/status"; fail "status does not know"; }
mv "$world/incoming" "$incoming"
start_ingestd
upload 101
has_drained 101 || fail "the pictures do not arrive once it is there again"
! shutterseal-upload status --root "$(camera_root 101)" | grep -q 'No such file' || fail "the error stays"
all_pictures_are_evidence
