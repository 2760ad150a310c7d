#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Evidence is nearly full: the daemon says so once, takes nothing, touches no drop, and goes on by itself when there is room. The control: with a
# lower reserve it takes the same drops from the same disk.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
enter_namespace "$@"
make_server
# The whole state lies on the disk that fills: index and quarantine, too.
state=$server/var/lib/shutterseal
mkdir "$world/kept"
cp -a "$state/." "$world/kept/"
mount -t tmpfs -o size=64m tmpfs "$state"
cp -a "$world/kept/." "$state/"
reserve() { printf '%s\n' "free-least = $1" 'rescan = 1s' > "$server/etc/shutterseal/ingestd.conf"; }
make_fleet wait- 5 4 1 20000
echo rubbish > "$(incoming wait-1)/rubbish.parcel"
# What lies there, under whatever name: the daemon moves what must wait to held/.
content() { find "$server"/srv/shutterseal/drop/cam-*/incoming "$server"/srv/shutterseal/drop/cam-*/held -type f -exec sha256sum {} + 2> /dev/null | sed 's|/srv/shutterseal/drop/\(cam-[^/]*\)/.*|/\1|' | sort; }
content > "$world/before"
head -c 40M /dev/zero > "$state/other-peoples-data"
reserve 32M
start_ingestd
is_said() { [ "$(said 'disk-full free-least=33554432')" -ge 1 ]; }
wait_until 60 "the lack of room is not said" is_said
drop() { make_fleet late- 1 1 1 20000; }
drop
sleep 3  # three more looks
[ "$(said disk-full)" -eq 1 ] || fail "it is said $(said disk-full) times"
[ "$(envelopes "$evidence")" -eq 0 ] || fail "something was stored without room"
[ "$(said 'refused\|trouble')" -eq 0 ] || fail "something was judged without room"
content | grep -v cam-late > "$world/after"
cmp "$world/before" "$world/after" || fail "a drop was touched"
rm "$state/other-peoples-data"
all_stored() { [ "$(envelopes "$evidence")" -eq 21 ]; }
wait_until 60 "with room again $(envelopes "$evidence") of 21 pictures are stored" all_stored
is_refused() { [ "$(said 'refused camera=wait-1')" -eq 1 ]; }
wait_until 60 "with room again the rubbish is not judged" is_refused
stop_ingestd

head -c 40M /dev/zero > "$state/other-peoples-data"
make_fleet wait- 5 1 1 20000
ingest_once
[ "$(envelopes "$evidence")" -eq 21 ] || fail "a single run stored something without room"
reserve 1M
ingest_once
[ "$(envelopes "$evidence")" -eq 26 ] || fail "the control: with a lower reserve $(envelopes "$evidence") of 26 are stored"
