#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The server's clock stood in the future once, so the camera has seen a receipt with a high number. The index is made again: the number goes on from the
# receipt that lies there. With index and receipts gone the camera believes none, and loses nothing; a bundle with the authority's word on the number
# mends it, and an ordinary one does not.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
printf 'receipt-timeout = 1s\n' > "$world/short.conf"
state=$server/var/lib/shutterseal
receipt=$server/srv/shutterseal/drop/cam-101/receipts/receipt.p7m
one_arrives() {
  take_pictures 101 1 3000
  start_ingestd
  upload 101 || fail "$1"
  has_drained 101 || fail "$1: envelopes wait"
  stop_ingestd
}
rebuild() {
  rm "$state"/index.db*
  shutterseal index rebuild --root "$server" > "$world/said"
}
bundle() {
  rm -f "$world/bundle"
  shutterseal camera bundle 101 --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/bundle" "$@" > "$world/said"
  shutterseal-upload accept "$world/bundle" --root "$(camera_root 101)" --passphrase-file "$passphrase" --authority "$authority" > "$world/said"
}
under_clock shutterseal-ingestd
set_clock "@$(($(date +%s) + 3600 * 24 * 3650))"
one_arrives 'with a clock in the future'
set_clock "@$(date +%s)"
one_arrives 'with the clock right again'
rebuild
one_arrives 'after the index was rebuilt'

rebuild
rm "$receipt"
start_ingestd
take_pictures 101 1 3000
expect 75 'no receipt' shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
has_drained 101 && fail "the control: it believes a receipt with a lower number"
bundle
expect 75 'no receipt' shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
stop_ingestd
bundle --receipt-floor server
shutterseal bundle show "$world/bundle" | grep -q '^receipt-floor [0-9]*$' || fail "the bundle does not say it"
one_arrives 'after the authority said which receipts count'
[ "$(envelopes "$evidence")" -eq 5 ] || fail "$(envelopes "$evidence") are stored, not five"
all_pictures_are_evidence
