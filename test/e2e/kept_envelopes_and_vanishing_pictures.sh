#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# keep: what a receipt covers stays for a span or up to a size, and then goes, oldest first. A picture that vanishes, or is a link to nothing, stops no
# other.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
conf=$(camera_root 101)/etc/shutterseal/upload.conf
mkdir -p "$(dirname "$conf")"
kept() { find "$(spool 101)/kept" -name '*.p7m' | wc -l; }
start_ingestd

printf 'keep = 7d\nheartbeat = 0s\n' > "$conf"
take_pictures 101 3
upload 101
[ "$(kept)" -eq 3 ] || fail "$(kept) of 3 covered envelopes are kept"
[ "$(waiting 101)" -eq 0 ] || fail "covered envelopes wait"
# A camera's clock that jumps makes nothing old: the server's signed times count.
set_clock $((30 * 86400 * 1000))
take_pictures 101 1
env LD_PRELOAD="$(preload_of "$build/fault/clock.so")" CLOCK_FILE="$world/clock" shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
[ "$(kept)" -eq 4 ] || fail "$(kept) of 4 are kept after the camera's clock jumped"
touch -d '8 days ago' "$(find "$(spool 101)/kept" -name '*.p7m' | sort | head -1)"
take_pictures 101 1
upload 101
[ "$(kept)" -eq 4 ] || fail "$(kept) are kept, not the four of the last week"
echo 'keep = 30k' > "$conf"
take_pictures 101 1
upload 101
[ "$(kept)" -eq 1 ] || fail "$(kept) are kept, not the one that 30k hold"
all_pictures_are_evidence

ln -s /nonexistent "$(capture 101)/gone.jpg"
mkfifo "$(capture 101)/pipe.jpg"
mkdir "$(capture 101)/folder.jpg"
take_pictures 101 1
upload 101 > "$world/said" 2>&1 || true
[ "$(envelopes "$evidence")" -eq 7 ] || { cat "$world/said"; fail "what is no file stopped the picture beside it"; }
# Pictures that go while the uploader looks: a race that it must survive, over and over.
( i=0; while [ $i -lt 400 ]; do i=$((i + 1)); make_jpeg "$(capture 101)/race-$i.jpg" 3000; rm -f "$(capture 101)/race-$i.jpg"; done ) 2> /dev/null &
racer=$!
for _ in 1 2 3; do upload 101 > "$world/said" 2>&1 || { status=$?; [ $status -eq 65 ] || { cat "$world/said"; fail "a vanishing picture ends the run with $status"; }; }; done
wait $racer || true
[ "$(waiting 101)" -eq 0 ] || fail "something is left in the spool"
