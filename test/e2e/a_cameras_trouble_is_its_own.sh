#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What does not work for one camera on the server costs that camera alone, while the daemon runs and at its start: a file where the folder of the day
# should be, a file of heard/ that cannot be read, evidence on a disk that is not mounted. It waits, is said, stands in `camera list`, and goes on by itself;
# the others' pictures arrive. The control: each time the camera itself hears of no receipt.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
enter_namespace "$@"
make_server
for id in 101 102 103; do
  make_camera $id
  quicken_keys $id
done
printf 'receipt-timeout = 2s\nkeep = 1d\n' > "$world/short.conf"
printf 'free-least = 0\nrescan = 1s\n' > "$server/etc/shutterseal/ingestd.conf"
mkdir -p "$(camera_root 101)/etc/shutterseal"
echo 'keep = 1d' > "$(camera_root 101)/etc/shutterseal/upload.conf"
short_upload() { shutterseal-upload run --config "$world/short.conf" --root "$(camera_root "$1")" --passphrase-file "$passphrase"; }
said() { grep -c "$1" "$world/ingestd.log" || true; }
listed() { shutterseal camera list --root "$server" | grep "^$1 " | grep -q 'waits: '; }
# waits_alone ID WHAT: while 102 has its receipts.
waits_alone() {
  take_pictures "$1" 1 3000
  take_pictures 102 1 3000
  expect 75 'no receipt' short_upload "$1"
  upload 102 || fail "102 suffers with $2"
  kill -0 "$INGESTD_PID" || fail "the daemon ended with $2"
  wait_until 10 "$2 does not stand in the list" listed "$1"
  ! listed 102 || fail "102 is said to wait with $2"
}
drains() {
  upload "$1" || fail "$1 does not go on after $2"
  has_drained "$1" || fail "envelopes of $1 wait after $2"
}

# ---- a file where a folder should be ----------------------------------------------------------------------------------------------------
mkdir -p "$evidence/cam-103"
for day in now tomorrow; do echo x > "$evidence/cam-103/$(date -u -d $day +%F)"; done
start_ingestd
waits_alone 103 'a file in the way'
stop_ingestd
start_ingestd
waits_alone 103 'a file in the way at the start'
[ "$(said 'trouble camera=103')" -le 4 ] || fail "it is said $(said 'trouble camera=103') times"
rm "$evidence/cam-103/"*
drains 103 'a file in the way'
wait_until 10 "that it is mended is not said" grep -q 'mended camera=103' "$world/ingestd.log"
not_listed() { ! listed 103; }
wait_until 10 "103 stands in the list for ever" not_listed
stop_ingestd

# ---- a file of heard/ ------------------------------------------------------------------------------------------------------------------
rm "$server/var/lib/shutterseal/heard/103"
mkdir "$server/var/lib/shutterseal/heard/103"
echo x > "$server/var/lib/shutterseal/heard/stranger"
start_ingestd
for id in 102 103; do
  take_pictures $id 1 3000
  drains $id 'a file of heard/'
done
grep -q "trouble.*heard/103" "$world/ingestd.log" || fail "the file of heard/ is not said"
stop_ingestd

# ---- a disk that is not mounted ----------------------------------------------------------------------------------------------------------
# With what was there before it had a disk of its own still below the mount point.
take_pictures 101 1 3000
start_ingestd
short_upload 101
stop_ingestd
mkdir "$world/disk"
mount -t tmpfs tmpfs "$world/disk"
cp -a "$evidence/cam-101/." "$world/disk/"
mount --bind "$world/disk" "$evidence/cam-101"
start_ingestd
take_pictures 101 2 3000
short_upload 101
stop_ingestd
umount "$evidence/cam-101"
below=$(find "$evidence/cam-101" | sort)
cp "$(spool 101)/kept/"*.p7m "$(spool 101)/"
again=$(waiting 101)
start_ingestd
waits_alone 101 'a disk that is not mounted'
[ "$(waiting 101)" -eq $((again + 1)) ] || fail "101 let go of what is not there: $(waiting 101) wait"
[ "$(find "$evidence/cam-101" | sort)" = "$below" ] || fail "something was written below the mount point"
mount --bind "$world/disk" "$evidence/cam-101"
drains 101 'its disk was mounted'
stop_ingestd
[ "$(find "$evidence/cam-101" -name '*.p7m' | sed 's/.*-//' | sort | uniq -d | wc -l)" -eq 0 ] || fail "something is stored twice"

# ---- a row without its file ----------------------------------------------------------------------------------------------------------------
lost=$(find "$evidence/cam-101" -name '*-1-*.p7m')
digest=$(sha256sum < "$lost")
rm "$lost"
cp "$(spool 101)/kept/"*.p7m "$(spool 101)/"
start_ingestd
drains 101 'a file was lost'
stop_ingestd
grep -q 'stored-again camera=101.* seq=1 ' "$world/ingestd.log" || fail "it is not said that a duplicate's file was gone"
[ "$(sha256sum < "$lost")" = "$digest" ] || fail "a duplicate was receipted, and its file is not there"
all_pictures_are_evidence
