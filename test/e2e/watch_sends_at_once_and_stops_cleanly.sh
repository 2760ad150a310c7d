#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# watch notices a new picture, sends it, verifies the receipt; SIGTERM ends it with 0; a second watch says that one is running.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
start_ingestd
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
watch=$!
sleep 1
expect 75 'running\|lock' shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase"
upload 101 || fail "run beside watch must exit 0"
take_pictures 101 3
tries=0
while [ "$(envelopes "$evidence")" -lt 3 ] || [ "$(waiting 101)" -gt 0 ]; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || fail "watch did not send the pictures"
  sleep 0.1
done
kill $watch
wait $watch || fail "watch did not end with 0 on SIGTERM"
all_pictures_are_evidence
