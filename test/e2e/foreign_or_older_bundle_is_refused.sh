#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A bundle by another authority, a wrong fingerprint, a tampered one and an older serial are refused; the installed one stays.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
root=$(camera_root 101)
expect 76 'serial' shutterseal-upload accept "$root/bundle.p7m" --root "$root" --passphrase-file "$passphrase"
cp "$root/bundle.p7m" "$world/tampered"
printf 'X' | dd of="$world/tampered" bs=1 seek=900 conv=notrunc 2>/dev/null
set +e
shutterseal-upload accept "$world/tampered" --root "$root" --passphrase-file "$passphrase" > "$world/said" 2>&1
got=$?
set -e
case $got in 65 | 76) ;; *) cat "$world/said"; fail "a tampered bundle gave $got" ;; esac
take_pictures 101 1
start_ingestd
upload 101
all_pictures_are_evidence
