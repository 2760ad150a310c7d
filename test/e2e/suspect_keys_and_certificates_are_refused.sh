#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A key that others can read or write, a certificate by another authority, an oversized picture, a vanished capture directory.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
keys=$(camera_root 101)/var/lib/shutterseal-upload/keys
chmod 666 "$keys/signing.key"
expect 77 'signing.key' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
chmod 600 "$keys/signing.key"
chmod 666 "$keys/bundle.p7m"
expect 77 'bundle.p7m' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
chmod 600 "$keys/bundle.p7m"
shutterseal keys "$world/foreign" --passphrase-file "$passphrase" > "$world/foreign.log"
shutterseal-upload enrol --root "$(camera_root 103)" --camera 103 --passphrase-file "$passphrase" > "$world/enrol-103.log"
request=$(camera_root 103)/var/lib/shutterseal-upload/keys/request.pem
shutterseal camera sign "$request" --authority-key "$world/foreign/authority.key" --authority "$world/foreign/authority.pem" \
  --passphrase-file "$passphrase" --out "$world/foreign-103.pem" > "$world/sign.log"
expect 65 'authority' shutterseal camera add 103 --root "$server" --request "$request" --certificate "$world/foreign-103.pem" --out "$world/b"
printf 'picture-limit = 10k\n' > "$world/small.conf"
start_ingestd  # the camera states what it rejected
take_pictures 101 1 20000
expect 65 'picture-limit' shutterseal-upload run --config "$world/small.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
[ "$(find "$(capture 101)/rejected" -type f | wc -l)" -eq 1 ] || fail "the large picture is not in rejected/"
stop_ingestd
printf 'capture-dir = %s\n' "$world/nowhere" > "$world/nowhere.conf"
expect 66 'nowhere' shutterseal-upload run --config "$world/nowhere.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
# A spool that is no directory: said, moved aside, and the picture is sealed into one that is.
take_pictures 101 1
mv "$(spool 101)" "$world/spool"
: > "$(spool 101)"
printf 'receipt-timeout = 1s\n' > "$world/short.conf"
expect 75 'no receipt' shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
grep -q spool "$world/said" || fail "the spool is not named: $(cat "$world/said")"
[ "$(waiting 101)" -eq 1 ] || fail "the picture is not sealed"
mv "$(spool 101)"/*.p7m "$world/spool/"
rm -r "$(spool 101)"
mv "$world/spool" "$(spool 101)"
# The offline way: certificate on one host, draft on the server, signed bundle back.
shutterseal camera sign "$request" --authority-key "$custodian/authority.key" --authority "$custodian/authority.pem" \
  --passphrase-file "$passphrase" --out "$world/103.pem" > "$world/sign.log"
shutterseal camera add 103 --root "$server" --request "$request" --certificate "$world/103.pem" --out "$world/103.draft" > "$world/add.log"
expect 65 'bundle' shutterseal-upload accept "$world/103.draft" --root "$(camera_root 103)" --passphrase-file "$passphrase" --authority "$authority"
shutterseal bundle sign "$world/103.draft" --authority-key "$custodian/authority.key" --authority "$custodian/authority.pem" \
  --passphrase-file "$passphrase" --out "$world/103.bundle" > "$world/sign.log"
expect 76 'authority' shutterseal-upload accept "$world/103.bundle" --root "$(camera_root 103)" --passphrase-file "$passphrase" --authority "$(printf '%064d' 0)"
expect 0 'installed' shutterseal-upload accept "$world/103.bundle" --root "$(camera_root 103)" --passphrase-file "$passphrase" --authority "$authority"
