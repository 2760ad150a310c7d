#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A taken id, a key that is enrolled already, a request for another camera, an RSA request, a forged request.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
request=$(camera_root 101)/var/lib/shutterseal-upload/keys/request.pem
add() { shutterseal camera add "$1" --root "$server" --request "$2" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/out.p7m"; }
expect 73 '101' add 101 "$request"
expect 65 '101' add 102 "$request"
openssl req -new -newkey rsa:2048 -nodes -keyout "$world/k" -subj /CN=cam-103 -out "$world/rsa.pem" 2>/dev/null
expect 65 'rsa.pem' add 103 "$world/rsa.pem"
expect 66 'missing.pem' add 104 "$world/missing.pem"
expect 73 'exist' shutterseal-upload enrol --root "$(camera_root 101)" --camera 101 --passphrase-file "$passphrase"
expect 73 'exist' shutterseal keys "$custodian" --passphrase-file "$passphrase"
expect 67 '999' shutterseal camera show 999 --root "$server"

# A key is taken where its certificate does not count, too. One that nobody can read is named, and stops no other camera.
cameras=$server/etc/shutterseal/cameras
mv "$cameras/cam-101" "$cameras/cam-106"
expect 65 'the SSH key is that of camera 106' add 101 "$request"
: > "$cameras/cam-106/authorized_keys"
expect 65 'the signing key is that of camera 106' add 101 "$request"
signing=$(find "$cameras/cam-106/signing" -name '*.pem')
chmod 666 "$signing"
expect 65 'the signing key is that of camera 106' add 101 "$request"
echo rubbish > "$signing"
expect 0 "trouble camera=106 reason=.*$(basename "$signing")" add 101 "$request"
expect 0 'active' shutterseal camera show 101 --root "$server"
