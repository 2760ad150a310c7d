#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Verifiers are killed again and again while they judge, as the kernel does for want of memory: no good picture is called malformed; in the end all are stored.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
echo 'rescan = 1s' > "$server/etc/shutterseal/ingestd.conf"
# One picture a parcel, large enough that judging takes many milliseconds.
printf 'parcel-least = 1k\nparcel-most = 1k\nreceipt-timeout = 0\n' > "$world/short.conf"
take_pictures 101 8 15000000
shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1 || true
start_ingestd
until_true "the daemon does not start" grep -q 'started' "$world/ingestd.log"
kills=0
until [ $kills -ge 30 ]; do
  if pkill -KILL -P "$INGESTD_PID"; then kills=$((kills + 1)); fi
  sleep "0.00$(shuf -i 0-9 -n 1)"
done
until_true "not all pictures are stored: $(envelopes "$evidence") of 8" stores 8
upload 101
has_drained 101 || fail "$(waiting 101) envelopes wait"
[ -z "$(find "$quarantine" -type f)" ] || fail "good pictures lie in quarantine"
[ -z "$(find "$(spool 101)/refused" -name '*.p7m')" ] || fail "good pictures were refused"
grep -q 'killed from outside' "$world/ingestd.log" || echo "no verifier was killed twice over one picture"
all_pictures_are_evidence
