#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a thief copies from a camera's disk while it waits for its line, and after it crashed: keys, spool, configuration, state, log, core dump.
# No piece of a picture is readable in it, not even to whoever learns the passphrase.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
image=$world/image
# A sanitizer's own handler would make an exit of the crash.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:handle_segv=0" TSAN_OPTIONS="${TSAN_OPTIONS:-}:handle_segv=0"
look() { /usr/bin/python3 "$project/test/lib/thief.py" "$image" "$world/originals" > "$world/look.log"; }
# Everything of the camera's, its log, and where a core would fall.
copy_disk() {
  rm -rf "$image"
  mkdir "$image"
  cp -a "$root" "$world/watch.log" "$world/cores" "$image"
}
start_watch() {
  : > "$world/watch.log"
  cd "$world/cores"
  prlimit --core=unlimited shutterseal-upload watch --root "$root" --passphrase-file "$passphrase" 2> "$world/watch.log" &
  watch=$!
  cd "$project"
}
at_work() { grep -q 'retry' "$world/watch.log"; }
# crash SIGNAL: of the uploader.
crash() {
  wait_until 60 "watch does not begin" at_work
  kill "-$1" $watch
  status=0
  wait $watch || status=$?
  [ $status -gt 128 ] || fail "the uploader did not crash"
}
sealed() { [ "$(waiting 101)" -eq 6 ] && [ -z "$(find "$(capture 101)" -name '*.jpg')" ]; }

make_server
make_camera 101
root=$(camera_root 101)
mkdir "$world/cores"
: > "$world/watch.log"
stop_sshd
take_pictures 101 6 30000

# The control: before sealing, all is readable, and a piece is found wherever it lies.
copy_disk
if look; then fail "the search sees no picture where six lie open"; fi
[ "$(grep -c '^readable:.*jpg$' "$world/look.log")" -eq 6 ] || fail "the search overlooks pictures: $(cat "$world/look.log")"

start_watch
wait_until 60 "the pictures are not sealed: $(cat "$world/watch.log")" sealed
copy_disk
look || fail "a picture is readable: $(cat "$world/look.log")"
grep -q 'Max core file size  *0 ' /proc/$watch/limits || fail "a core dump is allowed"
one=$(find "$world/originals" -type f | head -1)
head -c 20003 "$one" | tail -c 33 > "$image/planted"
if look; then fail "the search overlooks 33 octets of a picture"; fi
grep -qx "readable: $image/planted" "$world/look.log" || fail "the search finds the wrong file: $(cat "$world/look.log")"

# Crashes. Where the system lets cores fall into files, the control shows that one would fall here.
crash ABRT
case $(cat /proc/sys/kernel/core_pattern) in
  core*)
    # shellcheck disable=SC2016
    (cd "$world/cores" && prlimit --core=unlimited sh -c 'kill -ABRT $$') || true
    [ -n "$(find "$world/cores" -name 'core*')" ] || fail "the control leaves no core"
    rm "$world"/cores/core*
    ;;
esac
start_watch
crash SEGV
[ -z "$(find "$world/cores" -type f)" ] || fail "a crash left a core: $(ls "$world/cores")"
copy_disk
look || fail "a crash made a picture readable: $(cat "$world/look.log")"

# The passphrase is on no part of the disk that is the camera's; and with it the camera's keys open nothing.
if grep -rqF "$(cat "$passphrase")" "$image"; then fail "the passphrase is on the disk"; fi
if grep -rl 'PRIVATE KEY' "$image" | xargs grep -L 'ENCRYPTED PRIVATE KEY' | grep -q .; then fail "a key lies open on the disk"; fi
for key in signing ssh; do
  # shellcheck disable=SC2046
  if shutterseal open --root "$server" --key "$image/camera-101/var/lib/shutterseal-upload/keys/$key.key" --passphrase-file "$passphrase" \
    --out "$world/opened-$key" $(find "$image" -name '*.p7m' -path '*/spool/*') > "$world/open-$key.log" 2>&1; then
    fail "the camera's $key key opens its pictures"
  fi
done
grep -q 'not-decryptable' "$world/open-signing.log" || fail "open said something else: $(cat "$world/open-signing.log")"
[ -z "$(find "$world" -path "$world/opened-*" -type f)" ] || fail "a picture was opened"

# Nothing of it was lost: the line is back.
start_sshd "$world/sshd" "$SSHD_PORT"
start_ingestd
upload 101
all_pictures_are_evidence
