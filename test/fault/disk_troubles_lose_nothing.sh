#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No inode is left; the file system is read-only; the index is busy; the index is corrupt. Each is said, nothing is lost, and what waited goes on
# when the trouble is over, without a restart where none is needed.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
[ -n "${IN_NAMESPACE:-}" ] || needs loops
enter_namespace "$@"

small_disk() {
  truncate -s 16M "$world/disk-$1"
  mkfs.ext4 -q -N 96 "$world/disk-$1"
  mkdir -p "$2"
  mount -o loop "$world/disk-$1" "$2"
}
use_up_inodes() {
  mkdir "$1/filler"
  filled=0
  while touch "$1/filler/$filled" 2> /dev/null; do filled=$((filled + 1)); done
  [ $filled -gt 5 ] || fail "no inode was there to begin with"
}
# said PATTERN: by the daemon, from now on.
said() {
  tries=0
  until tail -n "+$heard" "$world/ingestd.log" | grep -q "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "the daemon never says '$1'"
    sleep 0.05
  done
}
listen() { heard=$(($(wc -l < "$world/ingestd.log") + 1)); }
# The server's trouble: the daemon says it, the camera keeps what it has, and drains once it is over.
while_in_trouble() {
  said "$1"
  expect 75 'no receipt' shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
  [ "$(waiting 101)" -ge 1 ] || fail "the camera let go of what is not stored"
}
all_is_well_again() {
  drain 101 || fail "after $1 the camera does not drain"
  keep_receipt 101
  settled 101 || fail "after $1 the promise is broken"
}
drop_a_picture() {
  listen
  take_pictures 101 1 6000
  expect 75 'no receipt' shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
}

small_disk server "$server/var/lib/shutterseal"
small_disk camera "$(camera_root 101)/var/lib/shutterseal-upload"
mkdir -p "$receipts"
make_server
make_camera 101
printf 'free-least = 0\n' > "$server/etc/shutterseal/ingestd.conf"
printf 'receipt-timeout = 1s\n' > "$world/short.conf"
state=$server/var/lib/shutterseal
index=$state/index.db
start_ingestd
take_pictures 101 1 6000
all_is_well_again 'the first picture'

# ---- no inodes ------------------------------------------------------------------------------------------------------------------------
use_up_inodes "$(camera_root 101)/var/lib/shutterseal-upload"
take_pictures 101 1 6000
expect 74 'no space' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
find "$(capture 101)" -name '*.jpg' | grep -q . || fail "the original is gone without an envelope"
rm -r "$(camera_root 101)/var/lib/shutterseal-upload/filler"
all_is_well_again 'the camera had no inodes'
use_up_inodes "$state"
drop_a_picture
while_in_trouble 'trouble.*no space'
rm -r "$state/filler"
all_is_well_again 'the server had no inodes'

# ---- read-only ------------------------------------------------------------------------------------------------------------------------
mount -o remount,ro "$(camera_root 101)/var/lib/shutterseal-upload"
take_pictures 101 1 6000
expect 74 'read-only' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
mount -o remount,rw "$(camera_root 101)/var/lib/shutterseal-upload"
all_is_well_again 'the camera was read-only'

# ---- the index is busy ----------------------------------------------------------------------------------------------------------------
mkfifo "$world/orders"
sqlite3 "$index" < "$world/orders" &
exec 3> "$world/orders"
echo 'BEGIN IMMEDIATE;' >&3
drop_a_picture
while_in_trouble 'trouble.*locked'
echo 'COMMIT;' >&3
exec 3>&-
all_is_well_again 'the index was busy'

# ---- the index is corrupt, of a server that is read-only meanwhile ----------------------------------------------------------------------
stop_ingestd
mount -o remount,ro "$state"
expect 66 'index' shutterseal-ingestd --root "$server" --foreground --once
mount -o remount,rw "$state"
spoil() { head -c 3000 /dev/urandom | dd of="$index" bs=1 seek="$1" conv=notrunc 2> /dev/null; }
for place in 0 4096 8192; do
  take_pictures 101 1 6000
  expect 75 'no receipt' shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
  spoil $place
  expect 65 "corrupt: move it away and run 'shutterseal index rebuild'" shutterseal-ingestd --root "$server" --foreground --once
  expect 0 'envelopes indexed, 0 left out' shutterseal index rebuild --root "$server"
  start_ingestd
  all_is_well_again "octet $place of the index was spoilt"
  stop_ingestd
done
