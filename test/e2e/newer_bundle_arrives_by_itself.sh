#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A newer bundle in receipts/ is installed by run, with its new custodian; an unsigned or older one there changes nothing.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
root=$(camera_root 101)
receipts=$server/srv/shutterseal/drop/cam-101/receipts
start_ingestd
echo rubbish > "$receipts/bundle.p7m"
take_pictures 101 1
expect 0 'bundle-refused' upload 101
# A second custodian, certified by the same authority.
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$world/second.key"
openssl req -new -key "$world/second.key" -subj '/CN=second custodian' -out "$world/second.csr"
printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyAgreement\nsubjectKeyIdentifier=none\n' > "$world/ext"
/usr/bin/python3 - "$world/second.csr" >> "$world/ext.ski" <<'P'
import hashlib, sys
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
point = x509.load_pem_x509_csr(open(sys.argv[1], "rb").read()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
print(hashlib.sha256(point).digest()[:20].hex(":").upper())
P
sed -i "s/subjectKeyIdentifier=none/subjectKeyIdentifier=$(cat "$world/ext.ski")/" "$world/ext"
openssl x509 -req -in "$world/second.csr" -CA "$custodian/authority.pem" -CAkey "$custodian/authority.key" -passin "file:$passphrase" -days 3650 \
  -set_serial 77 -extfile "$world/ext" -out "$server/etc/shutterseal/custodians/second.pem" 2>> "$world/openssl.log"
shutterseal camera bundle 101 --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/bundle2" > "$world/bundle.log"
cp "$world/bundle2" "$receipts/bundle.p7m"
take_pictures 101 1
upload 101
expect 0 '"bundle_serial":2' shutterseal-upload status --root "$root" --json
cp "$root/bundle.p7m" "$receipts/bundle.p7m"
rm -rf "$world/originals"
take_pictures 101 1
expect 0 'bundle-refused' upload 101
expect 0 '"bundle_serial":2' shutterseal-upload status --root "$root" --json
newest=$(find "$evidence" -name '*.p7m' | sort | tail -1)
chmod 600 "$world/second.key"
shutterseal open "$newest" --root "$server" --key "$world/second.key" --out "$world/by-second" > "$world/open.log"
[ "$(digests "$world/originals")" = "$(digests "$world/by-second")" ] || fail "the new custodian cannot open what came after"
