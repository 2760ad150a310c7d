#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Beside pictures lie a damaged inode, one that cannot even be moved, one that is a mount point, one that may not be read, half uploads, movies, a database, a
# log, pictures in another format: the pictures go, each of the others is left or put aside, said once, counted, and stated where it is lost.
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
mkdir -p "$(dirname "$conf")"
events() { shutterseal find --root "$server" --kind event; }
images() { shutterseal find --root "$server" --kind image | wc -l; }
status_of() { shutterseal-upload status --root "$(camera_root 101)" --json | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
# 117: EUCLEAN. 13: EACCES. 5: EIO. 116: ESTALE.
bad_upload() {
  env LD_PRELOAD="$(preload_of "$build/fault/bad_file.so")" BAD_FILES="wounded.jpg:117:o stuck:117:osr foreign:13:o stale:116:os" \
    shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1
}

for name in wounded stuck foreign stale mounted; do make_jpeg "$c/$name.jpg" 4000; done
mount --bind "$c/mounted.jpg" "$c/mounted.jpg"
for name in half.jpg.part half.jpg.PARTIAL half.jpg.filepart half.jpg.crdownload half.jpg~ half.tmp .half.jpg clip.mp4.thumb; do make_jpeg "$c/$name" 4000; done
make_jpeg "$world/jpeg" 4000
for name in clip.mp4 motion.db motion.log mask.pgm notes.txt; do echo "no picture" > "$c/$name"; done
printf '\211PNG\r\n' > "$c/shot.png"
touch -d '10 minutes ago' "$c"/*
take_pictures 101 3
# By their looks: a name in other letters, none at all, an odd one.
for name in UPPER.JPG nosuffix odd.20261201; do
  make_jpeg "$c/$name" 5000
  cp -p "$c/$name" "$world/originals/$name"
done
status=0
bad_upload || status=$?
[ $status -eq 65 ] || fail "bad files end with $status"
[ "$(images)" -eq 6 ] || { cat "$world/said"; fail "$(images) of 6 pictures arrived beside bad files"; }
all_pictures_are_evidence
[ "$(find "$c" -maxdepth 1 -type f | wc -l)" -eq 18 ] || { ls -la "$c"; fail "not everything else was left alone"; }
[ "$(ls "$c/rejected")" = wounded.jpg ] || fail "what is damaged was not put aside"
for line in 'reason=unreadable subject="foreign.jpg"' 'reason=unreadable subject="stale.jpg"' 'reason=damaged subject="stuck.jpg"' 'reason=not-movable subject="mounted.jpg"' 'reason=no-jpeg subject="\*.png"'; do
  grep -q "trouble $line" "$world/said" || { cat "$world/said"; fail "not said: $line"; }
done
grep -q 'motion\|notes\|mask\|clip\|half' "$world/said" && { cat "$world/said"; fail "neighbours are called a trouble"; }
events | grep -q '"gap 1 damaged 20' || fail "what is lost is not stated"
events | grep -q '"gap 1 rejected 20' || fail "what was put aside is not stated"
[ "$(status_of unreadable)/$(status_of ignored)/$(status_of other_files)/$(status_of rejected)" = 2/8/6/1 ] || {
  shutterseal-upload status --root "$(camera_root 101)"
  fail "status counts otherwise"
}
# Said once, also by a program that ends in between; what lasts is stated once, too.
bad_upload || fail "bad files that were said end with $?"
[ ! -s "$world/said" ] || { cat "$world/said"; fail "said twice"; }
lasting() { bad_upload && events | grep -q '"trouble 2 unreadable"' && events | grep -q '"trouble 1 not movable"'; }
wait_until 60 "what lasts is not stated" lasting
[ "$(events | grep -c '"gap 1 damaged\|"trouble 2 unreadable')" -eq 2 ] || fail "stated twice"

# A name is another one when it is finished; and what is mended goes.
mv "$c/half.jpg.part" "$c/half.jpg"
umount "$c/mounted.jpg"
for name in half foreign stale mounted stuck; do cp -p "$c/$name.jpg" "$world/originals/"; done
upload 101 > "$world/said" 2>&1 || fail "the mended ones end with $?"
grep -q 'trouble-over reason=unreadable subject="foreign.jpg"' "$world/said" || fail "the end is not said"
[ "$(images)" -eq 11 ] || fail "$(images) of 11 pictures arrived"
all_pictures_are_evidence

# As configured: other names are left alone, and what is no picture goes to rejected/.
printf 'ignore = *.foo  skip-*\nrejected = all\n' > "$conf"
cp "$world/jpeg" "$c/a.foo"
cp "$world/jpeg" "$c/skip-b.jpg"
cp "$world/jpeg" "$c/c.part"
touch -d '10 minutes ago' "$c"/*
expect 65 'no pictures' upload 101
for name in a.foo skip-b.jpg rejected/motion.db rejected/clip.mp4; do [ -f "$c/$name" ] || fail "$name is not where it should be"; done
[ ! -e "$c/c.part" ] || fail "what is ignored no more was left"
