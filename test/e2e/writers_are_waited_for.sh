#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Finished is what nobody writes any more: by a lease, or where none is granted by size and change time, whatever modification time a transfer sets. A transfer
# that stalls longer than that is put aside and taken when it is whole. A system without notices, leases or renames that refuse works all the same and
# says what it lacks; broken leases end nothing; what a camera's maker puts behind a picture's end is no fault.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
under_clock shutterseal-upload
set_clock 0
start_ingestd
c=$(capture 101)
images() { shutterseal find --root "$server" --kind image | wc -l; }
arrived() { [ "$(images)" -eq "$1" ]; }
said() { grep -q -- "$1" "$world/watch.log"; }
lines_of() { grep -c -- "$1" "$world/watch.log" || true; }
start_watch() {
  env "$@" "$build/bin/shutterseal-upload" watch --root "$(camera_root 101)" --passphrase-file "$passphrase" >> "$world/watch.log" 2>&1 &
  watch=$!
  HELPERS="$HELPERS $watch"
}
stop_watch() {
  kill "$watch"
  wait "$watch" || fail "watch ended with $?"
}

# Marks, raw data, a second picture, padding.
mkdir -p "$world/originals"
for n in 1 2 3 4; do make_jpeg "$world/originals/trailer-$n.jpg" 9000; done
printf 'DHAVmark' >> "$world/originals/trailer-1.jpg"
echo >> "$world/originals/trailer-2.jpg"
head -c 70000 /dev/zero >> "$world/originals/trailer-3.jpg"
/usr/bin/python3 - "$world/originals/trailer-4.jpg" <<'EOF'
import sys
def segment(code, content): return bytes([0xff, code]) + (len(content) + 2).to_bytes(2, "big") + content
picture = b"\xff\xd8" + segment(0xe0, b"JFIF\0\1\2\0\0\1\0\1\0\0") + segment(0xdb, b"\1" * 65) + segment(0xda, b"\0" * 6) + b"data\xff\0more" * 500 + b"\xff\xd9"
open(sys.argv[1], "wb").write(picture + b"R" * 90000)
EOF
cp "$world/originals"/trailer-* "$c/"
upload 101 || fail "trailers end with $?"
[ "$(images)" -eq 4 ] || fail "$(images) of 4 pictures with something behind their end arrived"

# Without leases, notices and renames that refuse. Times of the other side, two hours ahead.
start_watch LD_PRELOAD="$(preload_of "$build/fault/bad_file.so" "$build/fault/clock.so")" CLOCK_FILE="$world/clock" LACKS='lease noreplace inotify'
until_true "that there are no notices is not said" said 'trouble reason=no-notices subject="too many open files"'
make_jpeg "$world/originals/ahead.jpg" 9000
head -c 4000 "$world/originals/ahead.jpg" > "$c/ahead.jpg"
touch -d 'now + 2 hours' "$c/ahead.jpg"
make_jpeg "$world/originals/other.jpg" 9000
cp "$world/originals/other.jpg" "$c/"
wait_until 40 "without leases and notices nothing is sealed" arrived 5
[ -f "$c/ahead.jpg" ] || fail "half a picture was taken"
tail -c +4001 "$world/originals/ahead.jpg" >> "$c/ahead.jpg"
touch -d 'now + 2 hours' "$c/ahead.jpg"
wait_until 40 "a time ahead keeps a picture back" arrived 6
said 'trouble reason=no-rename-noreplace' || fail "what the file system lacks is not said"
[ "$(lines_of 'reason=no-notices')/$(lines_of 'reason=no-rename-noreplace')" = 1/1 ] || fail "said more than once"

# A transfer stalls for longer than a minute, and goes on.
make_jpeg "$world/originals/stalled.jpg" 9000
head -c 5000 "$world/originals/stalled.jpg" > "$c/stalled.jpg"
sleep 1
set_clock 64000
wait_until 40 "what is cut short is not put aside" test -f "$c/rejected/stalled.jpg"
tail -c +5001 "$world/originals/stalled.jpg" >> "$c/rejected/stalled.jpg"
wait_until 40 "what grew whole in rejected/ is not sealed" arrived 7
stop_watch

# The same over two runs.
make_jpeg "$world/originals/resumed.jpg" 9000
head -c 5000 "$world/originals/resumed.jpg" > "$c/resumed.jpg"
touch -d '10 minutes ago' "$c/resumed.jpg"
expect 65 'without its end' upload 101
tail -c +5001 "$world/originals/resumed.jpg" >> "$c/rejected/resumed.jpg"
upload 101 || fail "a second run ends with $?"
arrived 8 || fail "what grew between two runs is not sealed"

# Leases that are broken over and over; signals that nobody asked for.
start_watch TIGHT=yes
make_jpeg "$world/originals/loop.jpg" 9000
cp "$world/originals/loop.jpg" "$world/loop.jpg"
/usr/bin/python3 - "$c/tight.jpg" <<'EOF' &
import os, sys, time
end = time.monotonic() + 4
while time.monotonic() < end:
    fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, b"x" * 100)
    os.close(fd)
EOF
writer=$!
for signal in IO PIPE XFSZ; do
  sleep 0.3
  kill -s "$signal" "$watch"
done
mv "$world/loop.jpg" "$c/loop.jpg"
wait_until 40 "a program that writes in a loop keeps the others waiting" arrived 9
wait "$writer"
kill -0 "$watch" || fail "a signal ended watch"
stop_watch
[ "$(waiting 101)" -eq 0 ] || fail "something waits"
all_pictures_are_evidence
