#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's motion watches a clip and writes into the capture directory while watch runs: what it wrote is evidence, named the old way.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
start_ingestd
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
watch=$!
sh "$project/demo/capture.sh" "$project/demo/clip.mp4" "$world/captured" 5 > "$world/motion.log" 2>&1
mkdir -p "$world/originals"
for picture in "$world/captured"/*; do
  cp -p "$picture" "$world/originals/"
  mv "$picture" "$(capture 101)/"
done
count=$(find "$world/originals" -type f | wc -l)
[ "$count" -ge 3 ] || fail "motion made $count pictures"
tries=0
while [ "$(envelopes "$evidence")" -lt "$count" ] || [ "$(waiting 101)" -gt 0 ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "the pictures did not arrive"
  sleep 0.1
done
kill $watch
wait $watch || fail "watch did not end with 0"
all_pictures_are_evidence
[ -z "$(find "$world/opened" -type f ! -name '*101_20[0-9][0-9]_*.jpg')" ] || fail "a picture has not the old name"
