#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Camera 101's certificate, camera.conf or receipts folder is broken on the server: 102's pictures arrive all the same, and 101 loses nothing.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
make_camera 102
printf 'receipt-timeout = 1s\n' > "$world/short.conf"
short_upload() { shutterseal-upload run --config "$world/short.conf" --root "$(camera_root "$1")" --passphrase-file "$passphrase"; }
registry=$server/etc/shutterseal/cameras/cam-101
certificate=$(find "$registry/signing" -name '*.pem')
start_ingestd
try_both() {
  take_pictures 101 1
  take_pictures 102 1
  expect 75 'no receipt' short_upload 101
  upload 102 || fail "camera 102 suffers when $1"
  kill -0 "$INGESTD_PID" || fail "the daemon died when $1"
  grep -q 'trouble camera=101' "$world/ingestd.log" || fail "it is not said when $1"
}
cp "$certificate" "$world/kept.pem"
echo rubbish > "$certificate"
touch "$registry/signing"
try_both "a certificate is rubbish"
cp "$world/kept.pem" "$certificate"
touch "$registry/signing"
cp "$registry/camera.conf" "$world/kept.conf"
echo rubbish > "$registry/camera.conf"
try_both "camera.conf is rubbish"
cp "$world/kept.conf" "$registry/camera.conf"
mv "$server/srv/shutterseal/drop/cam-101/receipts" "$world/receipts"
try_both "the receipts folder is gone"
mv "$world/receipts" "$server/srv/shutterseal/drop/cam-101/receipts"
kill -HUP "$INGESTD_PID"
take_pictures 101 1
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "camera 101 did not recover"
all_pictures_are_evidence
