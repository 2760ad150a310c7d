#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Camera 102 drops what camera 101 sealed: wrong-camera, quarantine, no receipt for it.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
make_camera 102
take_pictures 101 1
stop_sshd
upload 101
cp "$(spool 101)"/*.p7m "$server/srv/shutterseal/drop/cam-102/incoming/1-1-00000000000000aa.parcel"
ingest_once
[ "$(envelopes "$evidence")" -eq 0 ] || fail "it was stored"
grep -Eq 'refused camera=102 verdict=(wrong-camera|unknown-signer)' "$world/ingestd.log" || fail "it was not refused"
[ "$(waiting 101)" -eq 1 ] || fail "camera 101 lost its envelope"
