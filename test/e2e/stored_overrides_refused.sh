#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A receipt repeats what was refused once. What it covers all the same is stored: no gap, and no move that fails because refused/ holds a copy.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
signing=$server/etc/shutterseal/cameras/cam-101/signing
receipt=$server/srv/shutterseal/drop/cam-101/receipts/receipt.p7m
printf 'receipt-timeout = 0\n' > "$world/short.conf"
short_upload() { shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1 || true; }
notes() { shutterseal find --root "$server" --kind event --json | sed 's/.*"note":"\([^"]*\)".*/\1/' | sort | tr '\n' ','; }
refused() { find "$(spool 101)/refused" -name '*.p7m*' | wc -l; }
# The administrator loses the camera's certificate, and finds it again.
lose() { mv "$signing" "$signing.away" && mkdir "$signing"; }
find_again() { rmdir "$signing" && mv "$signing.away" "$signing"; }
is_said() {
  openssl cms -verify -noverify -inform DER -in "$receipt" -out "$world/text" 2> /dev/null
  grep -q "^refused .*$1" "$world/text"
}

# Refused before the camera looked, and stored since: it hears both at once.
take_pictures 101 1 3000
lose
short_upload
ingest_once
find_again
[ "$(waiting 101)" -eq 1 ] || fail "the camera heard of the refusal already: this shows nothing"
digest=$(sha256sum "$(spool 101)"/*.p7m | cut -d' ' -f1)
is_said "$digest" || fail "nothing was refused"
rm "$receipt"
short_upload
ingest_once
is_said "$digest" || fail "the refusal is not repeated: this shows nothing"
start_ingestd
upload 101
has_drained 101 || fail "what is stored waits"
[ "$(refused)" -eq 0 ] || fail "what is stored was taken for refused"
stop_ingestd

# Refused and put aside, then copied back by hand: refused/ holds it while the receipt repeats the refusal, before and after it is stored.
take_pictures 101 1 3000
lose
start_ingestd
upload 101 2> "$world/said" || true
[ "$(refused)" -eq 1 ] || fail "nothing was refused"
find_again
cp -p "$(spool 101)"/refused/*.p7m "$(spool 101)"
for _ in 1 2 3; do
  upload 101 > "$world/said" 2>&1 || { cat "$world/said"; fail "a copy in refused/ ends the run"; }
  has_drained 101 || fail "what was copied back waits"
done
[ "$(shutterseal find --root "$server" --kind image | wc -l)" -eq 2 ] || fail "what was copied back is not stored"
[ "$(refused)" -eq 1 ] || fail "$(refused) files in refused/"
[ -z "$(notes)" ] || fail "gaps are invented: $(notes)"

# The same copy, while nothing covers it yet: the move has succeeded, and of other octets both stay.
lose
take_pictures 101 1 3000
upload 101 2> "$world/said" || true
[ "$(refused)" -eq 2 ] || { cat "$world/said"; fail "the third was not refused"; }
newest=$(find "$(spool 101)/refused" -name '*.p7m' | sort -t- -k3n | tail -1)
cp -p "$newest" "$(spool 101)"
upload 101 2> "$world/said" || { cat "$world/said"; fail "a copy in refused/ ends the run"; }
upload 101 2> "$world/said" || { cat "$world/said"; fail "a copy in refused/ ends the run"; }
has_drained 101 || fail "the copy waits"
[ "$(find "$(spool 101)/refused" -name "$(basename "$newest")*" | wc -l)" -eq 1 ] || fail "the copy is there twice"
