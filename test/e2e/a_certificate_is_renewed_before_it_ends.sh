#!/bin/sh
# shellcheck disable=SC2119,SC2120
# SPDX-License-Identifier: Apache-2.0
# A year and more by a clock of the test's own: the camera asks at two thirds, the intermediate or the authority's hand answers, key and chain stay, and
# stock openssl verifies what is sealed after. Not renewed: a camera that is suspended, a foreign key, rubbish, an old request sent again. What the
# intermediate certifies for a stranger's key counts nowhere.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
under_clock shutterseal shutterseal-upload shutterseal-ingestd
day=86400000
set_clock 0
for id in 101 102; do
  make_camera $id
  quicken_keys $id
  mkdir -p "$(camera_root $id)/etc/shutterseal"
  echo 'heartbeat = 0' > "$(camera_root $id)/etc/shutterseal/upload.conf"  # pictures alone are counted; and an idle camera must ask by itself
done
etc=$server/etc/shutterseal
echo 'part-age = 365d' > "$etc/ingestd.conf"  # files have the kernel's time, which no test sets
signing() { find "$etc/cameras/cam-$1/signing" -name '*.pem' | wc -l; }
request() { echo "$server/srv/shutterseal/drop/cam-$1/incoming/.renewal.request"; }
days_left() { shutterseal-upload status --root "$(camera_root "$1")" --json | sed 's/.*"certificate_days_left":\([0-9-]*\).*/\1/'; }
renew() { shutterseal camera renew --root "$server" "$@"; }
authority_key() { echo --authority-key "$custodian/authority.key" --passphrase-file "$passphrase"; }

# The intermediate: its key stays here, the authority signs elsewhere.
shutterseal intermediate new --root "$server" --out "$world/intermediate.request" > "$world/intermediate.log"
expect 65 'no intermediate' shutterseal intermediate install "$world/intermediate.request" --root "$server"
# shellcheck disable=SC2046
shutterseal intermediate sign "$world/intermediate.request" $(authority_key) --authority "$custodian/authority.pem" --out "$world/intermediate.pem" > "$world/intermediate.log"
expect 0 'until' shutterseal intermediate install "$world/intermediate.pem" --root "$server"
[ "$(stat -c %a "$etc/intermediate.key")" = 600 ] || fail "others can read the intermediate's key"

# Young: nothing is asked. At two thirds: asked, beside pictures and without.
take_pictures 101 1
start_ingestd
upload 101
[ ! -e "$(request 101)" ] || fail "a young certificate is to be renewed"
set_clock $((250 * day))
take_pictures 101 1
for id in 101 102; do upload $id; [ -s "$(request $id)" ] || fail "camera $id asks for nothing"; done
expect 0 '^101 ' shutterseal camera approve --root "$server"
expect 0 '"camera":"102"' shutterseal camera approve --root "$server" --json
shutterseal camera suspend 102 --reason theft --root "$server" > "$world/suspend.log"
cp "$(request 101)" "$world/old-request"
renew > "$world/renew.log" 2>&1
grep -q 'renewed camera=101 until=' "$world/renew.log" || { cat "$world/renew.log"; fail "camera 101 is not renewed"; }
[ "$(signing 101) $(signing 102)" = '2 1' ] || fail "$(signing 101) and $(signing 102) certificates"
[ -e "$(request 102)" ] || fail "the suspended camera's request is gone"
expect 65 'asks for no renewal' shutterseal camera approve 102 --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase"
expect 0 'active' shutterseal camera resume 102 --root "$server"

# The answer comes when the camera asks again; an hour later is soon enough.
set_clock $((250 * day + 7200000))
upload 101
[ "$(days_left 101)" -ge 363 ] || fail "the renewed certificate is not in use: $(days_left 101) days left"
[ "$(days_left 102)" -le 115 ] || fail "camera 102 was renewed by nobody"

# By hand, without an intermediate: with the authority's key, here or elsewhere.
shutterseal keys "$world/foreign" --passphrase-file "$passphrase" > "$world/foreign.log"
expect 77 'do not belong together' shutterseal camera approve 102 --root "$server" --authority-key "$world/foreign/authority.key" --passphrase-file "$passphrase"
expect 0 'until' shutterseal camera approve 102 --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase"
upload 102
[ "$(days_left 102)" -ge 363 ] || fail "what was approved by hand is not in use"

# The first certificate has ended: nothing is flagged, the chain is one, and stock openssl needs one file for the signer.
stop_ingestd  # by its clock an upload of this moment is older than part-age
set_clock $((400 * day))
take_pictures 101 1
printf 'receipt-timeout = 1s\nheartbeat = 0\n' > "$world/short.conf"
shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" 2> "$world/said" || true
ingest_once
shutterseal find --root "$server" --camera 101 --json > "$world/rows"
[ "$(grep -c '"verdict":"accepted"' "$world/rows")" -eq 3 ] || { cat "$world/rows"; fail "an envelope is flagged"; }
[ "$(sed 's/.*"chain":"\([0-9a-f]*\)".*/\1/' "$world/rows" | sort -u | wc -l)" -eq 1 ] || fail "renewal broke the chain"
newest=$(find "$evidence" -name '*.p7m' | sort | tail -1)
first='' renewed=''
for file in "$etc/cameras/cam-101/signing"/*.pem; do
  if [ "$(grep -c BEGIN "$file")" -eq 2 ]; then renewed=$file; else first=$file; fi
done
now=$(($(date +%s) + 400 * 86400))
cat "$custodian/authority.pem" "$renewed" > "$world/trust.pem"
openssl cms -verify -binary -inform DER -in "$newest" -CAfile "$world/trust.pem" -certfile "$renewed" -attime "$now" -out "$world/taken" 2> "$world/openssl.log" || { cat "$world/openssl.log"; fail "stock openssl does not verify with the renewed certificate"; }
openssl cms -verify -binary -inform DER -in "$newest" -CAfile "$custodian/authority.pem" -certfile "$first" -attime "$(date +%s)" -out "$world/taken" 2> "$world/openssl.log" || fail "stock openssl does not verify with the first certificate"
all_pictures_are_evidence

# What is no good request is refused and taken away; what was answered before renews nothing a second time.
ask_with() { cp "$1" "$(request 101)"; }
shutterseal-upload enrol --root "$world/stranger" --camera 101 --passphrase-file "$passphrase" > "$world/stranger.log"
ask_with "$world/stranger/var/lib/shutterseal-upload/keys/request.pem"
expect 0 'renewal-refused camera=101 reason=foreign-key' renew
cp "$(camera_root 102)/var/lib/shutterseal-upload/keys/request.pem" "$(request 101)"
expect 0 'renewal-refused camera=101 reason=wrong-camera' renew
head -c 5000 /dev/urandom > "$(request 101)"
expect 0 'renewal-refused camera=101 reason=malformed' shutterseal camera approve --root "$server"
[ -e "$(request 101)" ] || fail "a look takes a request away"
expect 0 'renewal-refused camera=101 reason=malformed' renew
head -c 9000 "$world/old-request" /dev/zero > "$(request 101)"
expect 0 'renewal-refused camera=101 reason=too-large' renew
ln -s "$world/old-request" "$(request 101)"
expect 0 'renewal-refused camera=101 reason=not-a-file' renew
[ ! -L "$(request 101)" ] || fail "the link is still there"
ask_with "$world/old-request"
expect 0 'renewed camera=101' renew
[ "$(signing 101)" -eq 2 ] || fail "an old request made a certificate"
expect 67 '999' renew 999
set_clock -$((20 * 365 * day))
ask_with "$world/old-request"
expect 78 "clock says .* before the intermediate's certificate begins" renew
[ -e "$(request 101)" ] || fail "a wrong clock lost the request"
rm "$(request 101)"

# Offline: a copy of the registry counts beside the authority's certificate alone.
mkdir "$world/copy"
cp -a "$etc/cameras" "$world/copy/"
expect 78 'authority.pem. is missing' shutterseal verify "$newest" --registry "$world/copy/cameras" --root "$server"
cp "$etc/authority.pem" "$world/copy/"
expect 0 'accepted' shutterseal verify "$newest" --registry "$world/copy/cameras" --root "$server"

# The intermediate's key is stolen, and certifies a stranger's as camera 101's.
set_clock $((400 * day))
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$world/thief.key"
/usr/bin/python3 - "$world/thief.key" "$etc/intermediate.key" "$etc/intermediate.pem" "$now" > "$world/thief.pem" <<'PY'
import datetime, hashlib, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
load = lambda path: serialization.load_pem_private_key(open(path, "rb").read(), None)
thief, key, issuer = load(sys.argv[1]), load(sys.argv[2]), x509.load_pem_x509_certificate(open(sys.argv[3], "rb").read())
point = thief.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
now = datetime.datetime.fromtimestamp(int(sys.argv[4]), datetime.timezone.utc)
usage = dict.fromkeys(("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
made = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cam-101")])).issuer_name(issuer.subject)
        .public_key(thief.public_key()).serial_number(7).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(100))
        .add_extension(x509.KeyUsage(digital_signature=True, content_commitment=True, **usage), True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.SubjectKeyIdentifier(hashlib.sha256(point).digest()[:20]), False).sign(key, hashes.SHA256()))
print((made.public_bytes(serialization.Encoding.PEM) + issuer.public_bytes(serialization.Encoding.PEM)).decode(), end="")
PY
openssl verify -CAfile "$custodian/authority.pem" -untrusted "$etc/intermediate.pem" -attime "$now" "$world/thief.pem" > "$world/openssl.log" 2>&1 || { cat "$world/openssl.log"; fail "the control: openssl does not take the thief's certificate"; }
thief() {  # FILE: in the registry, it stops that camera and is named
  cp "$1" "$etc/cameras/cam-101/signing/thief.pem"
  chmod 640 "$etc/cameras/cam-101/signing/thief.pem"
  expect 65 'thief.pem.* neither by the authority' shutterseal -t --root "$server"
  expect 65 'thief.pem' shutterseal verify "$newest" --root "$server"
  expect 65 'thief.pem' shutterseal verify "$newest" --registry "$etc/cameras"
  take_pictures 101 1
  shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" 2> "$world/said" || true
  ingest_once
  grep -q 'trouble camera=101 reason=.*thief.pem' "$world/ingestd.log" || fail "the daemon believes the thief"
  rm "$etc/cameras/cam-101/signing/thief.pem"
  ingest_once
}
before=$(envelopes "$evidence")
thief "$world/thief.pem"
openssl x509 -in "$world/thief.pem" -out "$world/thief-alone.pem"
thief "$world/thief-alone.pem"
[ "$(envelopes "$evidence")" -eq $((before + 2)) ] || fail "what waited is not stored: $(envelopes "$evidence") of $((before + 2))"

# A revocation is of the camera: it reaches the renewed certificate, in a list by who issued that.
expect 0 'revoked (retired)' shutterseal camera revoke 101 --root "$server" --reason retired
# shellcheck disable=SC2046
expect 1 '1 are not, by another issuer' shutterseal crl --root "$server" $(authority_key) --out "$world/crl-1.pem"
expect 1 '1 certificates of revoked cameras' shutterseal crl --root "$server" --authority-key "$etc/intermediate.key" --authority "$etc/intermediate.pem" --out "$world/crl-2.pem"
cat "$world/crl-1.pem" "$world/crl-2.pem" > "$world/crl.pem"
checked() { openssl verify -crl_check_all -CAfile "$custodian/authority.pem" -untrusted "$etc/intermediate.pem" -CRLfile "$world/crl.pem" -attime "$((now + 7200))" "$1"; }
expect 2 'error 23 at 0 depth' checked "$renewed"

# And its request for another is nobody's.
set_clock $((600 * day))
cp "$world/old-request" "$(request 101)"
renew > "$world/renew.log" 2>&1
if grep -q 'camera=101' "$world/renew.log"; then cat "$world/renew.log"; fail "a revoked camera's request is looked at"; fi
[ "$(signing 101)" -eq 2 ] || fail "a revoked camera is renewed"
expect 65 'may have none' shutterseal camera approve 101 --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase"
