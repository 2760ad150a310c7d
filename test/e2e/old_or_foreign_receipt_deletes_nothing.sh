#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A receipt that is replayed, by a wrong key, tampered or of another camera: the spool stays, and the reason is said.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
make_camera 102
printf 'receipt-timeout = 300ms\n' > "$world/short.conf"
short_upload() { shutterseal-upload run --config "$world/short.conf" --root "$(camera_root "$1")" --passphrase-file "$passphrase"; }
receipts=$server/srv/shutterseal/drop/cam-101/receipts
take_pictures 101 1
start_ingestd
upload 101
cp "$receipts/receipt.p7m" "$world/old"
take_pictures 101 1
upload 101
stop_ingestd
cp "$receipts/receipt.p7m" "$world/newest"
take_pictures 101 1
# An older one: nobody ingests, so only the replayed receipt is there.
cp "$world/old" "$receipts/receipt.p7m"
expect 75 'older than one' short_upload 101
[ "$(waiting 101)" -eq 1 ] || fail "an old receipt deleted something"
# Of another camera.
start_ingestd
take_pictures 102 1
upload 102
stop_ingestd
cp "$server/srv/shutterseal/drop/cam-102/receipts/receipt.p7m" "$receipts/receipt.p7m"
expect 75 'receipt-refused' short_upload 101
# By a key that is not pinned.
sed 's/camera 101/camera 101/' "$world/newest" > "$world/text"
shutterseal init --root "$world/other" --authority "$custodian/authority.pem" --custodian "$custodian/custodian.pem" \
  --url sftp://127.0.0.1/ --host-key "$world/sshd/host_key.pub" > "$world/other.log" 2>&1
cp "$world/other/etc/shutterseal/receipt.key" "$world/foreign.key"
openssl x509 -in "$world/foreign.key" -out "$world/foreign.pem"
openssl cms -sign -binary -nodetach -nosmimecap -in "$world/text" -signer "$world/foreign.pem" -inkey "$world/foreign.key" -outform DER -out "$receipts/receipt.p7m"
expect 75 'receipt-refused' short_upload 101
printf 'X' | dd of="$world/newest" bs=1 seek=200 conv=notrunc 2>/dev/null
cp "$world/newest" "$receipts/receipt.p7m"
expect 75 'receipt-refused' short_upload 101
[ "$(waiting 101)" -eq 1 ] || fail "a bad receipt deleted something"
start_ingestd
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "a good receipt is not believed any more"
all_pictures_are_evidence
