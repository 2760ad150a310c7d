#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL of uploader and daemon at arbitrary moments, again and again: in the end every picture is evidence exactly once.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
round=0
while [ $round -lt 8 ]; do
  take_pictures 101 4 100000
  start_ingestd
  shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1 &
  victim=$!
  sleep "0.$(shuf -i 20-90 -n 1)"
  kill -9 $victim 2>/dev/null || true
  [ $((round % 2)) -eq 0 ] || kill -9 "$INGESTD_PID"
  wait $victim 2>/dev/null || true
  kill "$INGESTD_PID" 2>/dev/null || true
  wait "$INGESTD_PID" 2>/dev/null || true
  round=$((round + 1))
done
start_ingestd
upload 101
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "envelopes wait"
[ "$(envelopes "$evidence")" -eq 32 ] || fail "$(envelopes "$evidence") of 32 envelopes"
all_pictures_are_evidence
