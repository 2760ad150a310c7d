#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What we seal, others open: the outer layer is verified by openssl, certtool and asn1crypto, all three layers are opened by openssl.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
start_ingestd
upload 101
one=$(find "$evidence" -name '*.p7m')
certificate=$(find "$server/etc/shutterseal/cameras/cam-101/signing" -name '*.pem')
expect 0 'Signature status: ok' certtool --p7-verify --inder --infile "$one" --load-certificate "$certificate"
/usr/bin/python3 - "$one" <<'P'
import sys
from asn1crypto import cms
data = open(sys.argv[1], "rb").read()
outer = cms.ContentInfo.load(data, strict=True)
assert outer.dump(force=True) == data, "not DER"
signed = outer["content"]
assert signed["encap_content_info"]["content_type"].native == "data"
middle = cms.ContentInfo.load(signed["encap_content_info"]["content"].native, strict=True)
assert middle["content_type"].native == "authenticated_enveloped_data" or middle["content_type"].dotted == "1.2.840.113549.1.9.16.1.23"
P
openssl cms -verify -binary -inform DER -in "$one" -CAfile "$custodian/authority.pem" -certfile "$certificate" -out "$world/middle" 2> "$world/outer.log"
openssl cms -decrypt -binary -inform DER -in "$world/middle" -recip "$custodian/custodian.pem" -inkey "$custodian/custodian.key" \
  -passin "file:$passphrase" -out "$world/inner"
openssl cms -verify -binary -inform DER -in "$world/inner" -CAfile "$custodian/authority.pem" -cades -out "$world/picture" 2> "$world/inner.log"
cmp "$world/picture" "$world/originals"/* || fail "the picture differs"
