#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The spool's disk is full: run says so and the originals stay; with room again all arrive. The server's disk is full: drops and spool stay.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
enter_namespace "$@"
make_server
make_camera 101
mount -t tmpfs -o size=300k tmpfs "$(spool 101)"
take_pictures 101 6 100000
expect 74 'spool' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
left=$(find "$(capture 101)" -type f | wc -l)
[ $((left + $(waiting 101))) -ge 6 ] || fail "$left originals and $(waiting 101) envelopes of 6"
umount "$(spool 101)"
umount "$(spool 101)" 2>/dev/null || true
start_ingestd
upload 101
stop_ingestd
all_pictures_are_evidence
mount -t tmpfs -o size=200k tmpfs "$evidence"
rm "$server"/var/lib/shutterseal/index.db*  # other evidence, other index
printf 'free-least = 0\n' > "$server/etc/shutterseal/ingestd.conf"
printf 'receipt-timeout = 2s\n' > "$world/short.conf"
rm -rf "$world/originals"
take_pictures 101 4 100000
start_ingestd
expect 75 'no receipt' shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
grep -q 'trouble.*No space\|trouble.*no space' "$world/ingestd.log" || fail "the full disk is not said"
[ "$(waiting 101)" -ge 1 ] || fail "the camera let go of what is not stored"
mount -o remount,size=10m "$evidence"
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "with room again the backlog did not drain"
[ "$(envelopes "$evidence")" -eq 4 ] || fail "$(envelopes "$evidence") of 4 envelopes, once each"
all_pictures_are_evidence
