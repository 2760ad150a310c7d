#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The capture directory is a place that may vanish: its own folders are deleted, it is deleted and made again, renamed away, mounted over, read-only, or not
# there at all. watch finds it again by itself, what lay at the old place still arrives, no heartbeat says that all is well, and somebody is told.
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
said() { grep -q -- "$1" "$world/watch.log"; }
images() { shutterseal find --root "$server" --kind image | wc -l; }
arrived() { [ "$(images)" -eq "$1" ]; }
picture() { mkdir -p "$world/originals"; make_jpeg "$world/shot" 9000; cp -p "$world/shot" "$world/originals/$1.jpg"; mv "$world/shot" "$2/$1.jpg"; }

# Nothing to take pictures from: the rest of the work goes on, and the end says it. Twice, some time apart: it is stated once.
picture before "$c"
port=$SSHD_PORT
stop_sshd
upload 101
[ "$(waiting 101)" -eq 1 ] || fail "nothing waits in the spool"
start_sshd "$world/sshd" "$port"
mv "$c" "$c.away"
expect 66 'capture directory .* cannot be used: missing' upload 101
[ "$(images)" -eq 1 ] || fail "what was sealed was not sent"
shutterseal-upload status --root "$(camera_root 101)" > "$world/status"
grep -q "^trouble: capture-dir missing: '$c' since 20" "$world/status" || { cat "$world/status"; fail "status does not show it"; }

# Ten seconds between two looks in two.
under_clock shutterseal-upload
set_clock 0 5
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
watch=$!
HELPERS="$HELPERS $watch"
is_stated() { shutterseal find --root "$server" --kind event | grep -q '"trouble capture-dir missing"'; }
wait_until 40 "a place that stays away is not stated" is_stated
grep -q 'alarm camera=101 kind=trouble .*note="trouble capture-dir missing"' "$world/ingestd.log" || fail "it is no alarm"
mv "$c.away" "$c"
picture back "$c"
wait_until 40 "what came back is not found" arrived 2
said 'trouble-over reason=capture-dir-missing' || fail "its end is not said"

# Its own folders are deleted, as a cron job for empty ones does.
find "$c" -mindepth 1 -type d -empty -delete
for n in 1 2 3; do picture "emptied-$n" "$c"; done
wait_until 40 "with its folders deleted nothing is sealed" arrived 5

# rejected/ alone: what is no picture stays while it cannot be made, and is said.
rmdir "$c/rejected"
ln -s /nonexistent "$c/rejected"
echo text > "$c/old.jpg"
touch -d '10 minutes ago' "$c/old.jpg"
picture beside-text "$c"
wait_until 40 "without rejected/ nothing is sealed" arrived 6
until_true "a folder that cannot be made is not said" said 'trouble reason=rejected-dir-missing'
until_true "what cannot be put aside is not said" said 'trouble reason=not-rejectable subject="old.jpg"'
[ -f "$c/old.jpg" ] || fail "what could not be put aside is gone"
rm "$c/rejected"
until_true "it is not put aside when it can be" test -f "$c/rejected/old.jpg"

# Deleted and made again.
rm -rf "$c"
mkdir "$c"
picture made-again "$c"
wait_until 40 "a directory that was made again is not found" arrived 7

# Renamed away with a picture that was claimed, and one that was not: both are had by the old descriptors.
kill -STOP "$watch"
picture left "$c"
picture claimed "$world"
mv "$world/claimed.jpg" "$c/.claimed/1+claimed.jpg"
mv "$c" "$c.old"
mkdir "$c"
picture new "$c"
kill -CONT "$watch"
wait_until 40 "what lay in a directory that was renamed is lost" arrived 10
said 'capture-dir found=another' || fail "another directory is not said"

# Mounted over, and away again: no notice tells.
mount -t tmpfs -o size=1m tmpfs "$c"
picture mounted "$c"
wait_until 40 "what is mounted over is not found" arrived 11
mount -o remount,ro "$c"
until_true "that nothing can be taken is not said" said 'trouble reason=capture-dir-read-only'
umount -l "$c"
picture under "$c"
wait_until 40 "what was under a mount is not found" arrived 12
kill "$watch"
wait "$watch" || fail "watch ended with $?"
[ "$(waiting 101)" -eq 0 ] || fail "something waits"
all_pictures_are_evidence
