#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Envelopes made by a second implementation (test/vectors/make.py): each gets the verdict in its name; the good one's picture opens
# byte-identical here, and with stock openssl, certtool and asn1crypto.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
vectors=$world/vectors
/usr/bin/python3 "$project/test/vectors/make.py" "$vectors"
wrong=0
judge() {  # judge FILE COMMAND...: the verdict that stands behind the file's name must be the one in it
  wanted=$(basename "$1" | sed 's/__.*//')
  file=$1
  shift
  "$@" "$file" > "$world/said" 2>&1 || true
  grep -q ": $wanted\b" "$world/said" || { echo "$(basename "$file"): $(cat "$world/said")"; wrong=$((wrong + 1)); }
}
for file in "$vectors"/verify/*.p7m; do
  judge "$file" shutterseal verify --certificate "$vectors/camera.pem" --certificate "$vectors/other.pem"
done
for file in "$vectors"/open/*.p7m; do
  judge "$file" shutterseal open --certificate "$vectors/camera.pem" --certificate "$vectors/other.pem" --key "$vectors/custodian.key" --out "$world/opened"
done
[ $wrong -eq 0 ] || fail "$wrong vectors got another verdict"
[ "$(find "$world/opened" -type f | wc -l)" -eq 1 ] || fail "a refused vector left a file"
cmp "$(find "$world/opened" -type f)" "$vectors/picture.jpg" || fail "the picture differs"
good=$vectors/verify/accepted__plain.p7m
expect 0 'Signature status: ok' certtool --p7-verify --inder --infile "$good" --load-certificate "$vectors/camera.pem"
/usr/bin/python3 -c '
import sys
from asn1crypto import cms
outer = cms.ContentInfo.load(open(sys.argv[1], "rb").read(), strict=True)
assert outer["content_type"].native == "signed_data" and len(outer["content"]["signer_infos"]) == 1' "$good"
