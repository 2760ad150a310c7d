#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A drop that must wait is the daemon's: suspended, below the reserve, or with its receipt stuck, it goes to held/ under a name that says since when it is
# had, and a thief with the camera's key, who had it open before, proves nothing by what he writes. After the theft, over restarts, it is as good as what was
# stored before. The control: while the daemon was away it was the sender's, and his renaming makes it void.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$project/test/lib/fleet.sh"
make_server
for id in 101 102 103; do make_camera $id; done
stop_sshd
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
# drop ID NAME SEQUENCE
drop() {
  cat "$(spool "$1")"/*-"$3"-*.p7m > "$world/parcel"
  mv "$world/parcel" "$(incoming "$1")/$2.parcel"
}
holds() { [ "$(find "$(held "$1")" -name "*-$2.parcel" | wc -l)" -eq 1 ] && [ ! -e "$(incoming "$1")/$2.parcel" ]; }
verdict() {
  shutterseal find --root "$server" --camera "$1" --json | python3 -c '
import json, sys
print(*(row["sequence"] for row in sorted(map(json.loads, sys.stdin), key=lambda row: row["sequence"]) if row["verdict"] == "accepted"))'
}

for id in 101 102 103; do take_pictures $id 4 6000; upload $id; done
configure 'rescan = 1s'
shutterseal camera suspend 101 --root "$server" > /dev/null
start_ingestd
# Its sender may have it open, and write when it was moved.
drop 101 1-1-00000000000000aa 1
drop 101 2-2-00000000000000aa 2
exec 8<> "$(incoming 101)/2-2-00000000000000aa.parcel"
wait_until 30 "a suspended camera's drop is not taken into possession" holds 101 1-1-00000000000000aa
wait_until 30 "nor is the other" holds 101 2-2-00000000000000aa
# A second name, as a killed sshd leaves it, is none to write by.
drop 101 3-3-00000000000000aa 3
ln "$(incoming 101)/3-3-00000000000000aa.parcel" "$(incoming 101)/.3-3-00000000000000aa.parcel.part" 2> /dev/null || true  # the daemon may have been faster
wait_until 30 "nor one with two names" holds 101 3-3-00000000000000aa
stop_ingestd
[ "$(envelopes "$evidence")" -eq 0 ] || fail "a suspended camera's picture was stored"

# The theft: 101 comes back to life as revoked; 4 arrives behind it; 2 is written over through the old handle with what the thief signed, or the same.
sleep 0.02
stolen_at=$(now)
sleep 0.02
cat "$(spool 101)"/*-2-*.p7m >&8
exec 8>&-
drop 101 4-4-00000000000000aa 4
start_ingestd
wait_until 30 "what came after the theft is not held" holds 101 4-4-00000000000000aa
stop_ingestd
shutterseal camera revoke 101 --root "$server" --reason stolen --stolen-at "$stolen_at" > /dev/null
ingest_once
[ -z "$(find "$(incoming 101)" "$(held 101)" -type f)" ] || fail "something is left"
# The octets of 2 are those that were digested: had before. 4 is the thief's, or cannot be told from what is his.
[ "$(verdict 101)" = '1 2 3' ] || fail "good after the theft: $(verdict 101)"

# Other octets through an old handle prove nothing. And while the daemon was away a drop is its sender's: renaming gives it a time behind the theft.
shutterseal camera suspend 102 --root "$server" > /dev/null
drop 102 1-1-00000000000000aa 1
exec 8<> "$(incoming 102)/1-1-00000000000000aa.parcel"
ingest_once
holds 102 1-1-00000000000000aa || fail "--once takes no possession"
drop 102 3-3-00000000000000aa 3
sleep 0.02
stolen_at=$(now)
sleep 0.02
cat "$(spool 102)"/*-2-*.p7m >&8
exec 8>&-
truncate -s "$(cat "$(spool 102)"/*-2-*.p7m | wc -c)" "$(held 102)"/*
mv "$(incoming 102)/3-3-00000000000000aa.parcel" "$(incoming 102)/3-3-00000000000000bb.parcel"
shutterseal camera revoke 102 --root "$server" --reason stolen --stolen-at "$stolen_at" > /dev/null
ingest_once
[ -z "$(verdict 102)" ] || fail "what a thief wrote or renamed is good: $(verdict 102)"
[ "$(find "$server/var/lib/shutterseal/void" -name '*.p7m' -path '*/cam-102/*' | wc -l)" -eq 2 ] || fail "the control: void are not two"

# Below the reserve; with its receipt stuck; behind something in the way of held/. All is stored once in the end.
printf 'free-least = 1000G\nrescan = 1s\n' > "$server/etc/shutterseal/ingestd.conf"
drop 103 1-1-00000000000000aa 1
start_ingestd
wait_until 30 "below the reserve nobody takes possession" holds 103 1-1-00000000000000aa
stop_ingestd
configure 'rescan = 1s'
receipts=$server/srv/shutterseal/drop/cam-103/receipts
mv "$receipts" "$receipts-gone"
start_ingestd
wait_until 30 "the trouble is not said" grep -q 'trouble camera=103' "$world/ingestd.log"
drop 103 2-2-00000000000000aa 2
wait_until 30 "what is stuck is not held" holds 103 2-2-00000000000000aa
holds 103 1-1-00000000000000aa || fail "a drop went without a receipt"
mv "$receipts-gone" "$receipts"
settled() { [ -z "$(find "$(incoming 103)" "$(held 103)" -type f)" ]; }
wait_until 30 "mended, it does not go on" settled
stop_ingestd
rmdir "$(held 103)"
echo x > "$(held 103)"
shutterseal camera suspend 103 --root "$server" > /dev/null
drop 103 3-3-00000000000000aa 3
ingest_once
grep -q 'not-held camera=103 reason="' "$world/ingestd.log" || fail "nobody is told that nothing can be held"
[ -e "$(incoming 103)/3-3-00000000000000aa.parcel" ] || fail "the drop is gone"
rm "$(held 103)"
shutterseal camera repair 103 --root "$server" > "$world/repair.log"
ingest_once
expect 75 'are waiting' shutterseal camera remove 103 --root "$server" --reason test
shutterseal camera resume 103 --root "$server" > /dev/null
ingest_once
[ "$(verdict 103)" = '1 2 3' ] || fail "stored in the end: $(verdict 103)"
