#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cameras sort pictures by day and hour: each folder is looked into, as deep as configured, also one that comes while watch runs; deeper ones are said. Folders
# that were emptied go only if that is configured. rejected/ keeps to its limit, and what goes beyond is stated.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
enter_namespace "$@"
mount --make-rprivate /
make_server
make_camera 101
quicken_keys 101
start_ingestd
c=$(capture 101)
conf=$(camera_root 101)/etc/shutterseal/upload.conf
mkdir -p "$(dirname "$conf")" "$world/originals"
images() { shutterseal find --root "$server" --kind image | wc -l; }
arrived() { [ "$(images)" -eq "$1" ]; }
picture() {
  mkdir -p "$c/$1"
  make_jpeg "$world/shot" 7000
  cp -p "$world/shot" "$world/originals/$(echo "$1" | tr / _)-$2.jpg"
  mv "$world/shot" "$c/$1/$2.jpg"
}

picture 2026-12-01/10 a
picture 2026-12-01/11 b
picture 1/2/3/4 c
picture 1/2/3/4/5 deep
mv "$world/originals/1_2_3_4_5-deep.jpg" "$world/deep.jpg"
ln -s 2026-12-01/11/b.jpg "$c/lastsnap.jpg"
ln -s / "$c/root"
expect 0 'trouble reason=folder-too-deep subject="1/2/3/4/5"' upload 101
arrived 3 || fail "$(images) of 3 pictures in folders arrived"
if [ ! -d "$c/2026-12-01/10" ] || [ ! -L "$c/lastsnap.jpg" ]; then fail "something was removed that nobody asked for"; fi

printf 'remove-empty-dirs = yes\ncapture-depth = 5\n' > "$conf"
picture 2026-12-01/11 d
cp -p "$world/deep.jpg" "$world/originals/"
upload 101 > "$world/said" 2>&1 || fail "a deeper setting ends with $?"
grep -q 'trouble-over reason=folder-too-deep' "$world/said" || fail "that the depth suffices now is not said"
arrived 5 || fail "$(images) of 5 arrived"
[ "$(cd "$c" && echo 2026-12-01/1* 1*)" = '2026-12-01/10 1*' ] || { find "$c"; fail "other folders are gone than those that were emptied"; }

# watch hears of a folder that comes, and an idle one does not look more often because something stays.
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
watch=$!
HELPERS="$HELPERS $watch"
until_true "watch does not begin" grep -q started "$world/watch.log"
picture 2026-12-01/12 e
wait_until 40 "a picture in a new folder does not arrive" arrived 6
picture 2026-12-01/12 f
wait_until 40 "a second one there does not arrive" arrived 7
echo movie > "$c/clip.mp4"
sleep 2
timeout 6 strace -f -qq -e trace=getdents64 -o "$world/calls" -p "$watch" || true
[ "$(grep -c 'getdents64(.*) *= 0' "$world/calls")" -lt 40 ] || fail "an idle watch looks all the time"
kill "$watch"
wait "$watch" || fail "watch ended with $?"
all_pictures_are_evidence

# A RAM disk of 2 MB.
mount -t tmpfs -o size=2m tmpfs "$c"
n=0
while [ $n -lt 30 ]; do
  n=$((n + 1))
  make_jpeg "$world/cut" 60000
  head -c 50000 "$world/cut" > "$c/cut-$n.jpg"
  touch -d '10 minutes ago' "$c/cut-$n.jpg"
done
expect 65 'without its end' upload 101
[ "$(du -sk "$c/rejected" | cut -f1)" -le 256 ] || fail "rejected/ takes more than its share"
head -c 1000000 /dev/zero > "$c/room" || fail "the camera has no room"
left=$(find "$c/rejected" -type f | wc -l)
shutterseal find --root "$server" --kind event | grep -q "\"gap $((30 - left)) rejected-removed 20" || fail "what was removed is not stated"
