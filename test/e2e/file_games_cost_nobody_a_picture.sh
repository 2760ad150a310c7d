#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a camera, or somebody with a shell in its account, may do with files in incoming/: devices, sparse files, second names, full directories, a
# thousand hidden names, odd names, replacing and rewriting without pause. Nothing of it is stored or followed, every good picture is, once.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
needs devices
make_server
configure 'rescan = 1s' 'quarantine-quota = 2G'
make_fleet game 1 1 1 5000 "$world/away"
games=$(incoming game1)
good=$(find "$world/away" -type f)
arrives() { [ "$(stored_of game1)" -eq "$1" ]; }

# Devices, a socket, and what may not be read as a drop.
mknod "$games/1-1-null.parcel" c 1 3
mknod "$games/1-1-nobody.parcel" c 4095 0
mknod "$games/1-1-disk.parcel" b 7 4095
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$games/s.parcel"
ln -s "$evidence" "$games/2-2-directory.parcel"
ln -s 2-2-loop.parcel "$games/2-2-loop.parcel"
# A terabyte that is none; and one within the limit, which is copied and judged like any other.
truncate -s 1T "$games/3-3-terabyte.parcel"
truncate -s 4M "$games/3-3-sparse.parcel"
# A second name for somebody else's file; the camera's account owns neither it nor the right to have it judged.
echo 'not yours' > "$world/theirs"
chown 65534 "$world/theirs"
ln "$world/theirs" "$games/4-4-theirs.parcel"
# Directories: an empty one, one that is full, and one in which a parcel lies.
mkdir "$games/5-5-empty.parcel" "$games/5-5-full.parcel"
cp "$good" "$games/5-5-full.parcel/1-1-0123456789abcdef.parcel"
# Names: a new line with a line of ours behind it, colours, what is no UTF-8, 255 octets, and those of options.
printf 'x' > "$games/$(printf 'a\nshutterseal-ingestd: accepted camera=999')"
printf 'x' > "$games/$(printf '\033]0;title\007\033[2J')"
printf 'x' > "$games/$(printf '\377\376\300\257')"
printf 'x' > "$games/$(head -c 255 /dev/zero | tr '\0' 'n')"
printf 'x' > "$games/-rf"
printf 'x' > "$games/quote\" verdict=accepted \\ "
# More hidden names than one page of a listing holds stand before, behind and around the good one.
(cd "$games" && seq -f '.%g-cut.part' 3000 | xargs touch)
cp "$good" "$games/1-1-$(sha256sum < "$good" | head -c 16).parcel"

start_ingestd
wait_until 60 "the good picture among them did not arrive" arrives 1
nothing_waits() { [ -z "$(find "$games" -mindepth 1 -maxdepth 1 ! -name '.*' ! -name '5-5-full.parcel')" ]; }
wait_until 60 "something was left in incoming/" nothing_waits
stop_ingestd
[ "$(cat "$world/theirs")" = 'not yours' ] || fail "somebody else's file was changed"
[ "$(find "$games" -name '.*-cut.part' | wc -l)" -eq 3000 ] || fail "an unfinished upload was taken away"
LC_ALL=C grep -q '[^ -~]' "$world/ingestd.log" && fail "a name reached the log as it is"
grep -q '^shutterseal-ingestd: accepted camera=999' "$world/ingestd.log" && fail "a name made a log line"
[ "$(said 'refused camera=game1')" -ge 15 ] || fail "$(said 'refused camera=game1') refusals are logged"
[ "$(said 'refused .*not-a-file')" -ge 6 ] || fail "$(said 'refused .*not-a-file') things that are no files are logged"
grep -q 'refused camera=game1 verdict=too-large file="3-3-terabyte.parcel"' "$world/ingestd.log" || fail "the terabyte was not refused"
[ "$(du -sm "$quarantine" | cut -f1)" -lt 64 ] || fail "the terabyte became one"

# What lies there for good is described once, however often it is seen.
mkdir -p "$games/5-5-full.parcel"
touch "$games/5-5-full.parcel/still"
ingest_once
touch "$quarantine/cam-game1/overflow"
lines() { wc -l < "$quarantine/cam-game1/overflow"; }
start_ingestd
count=$(lines)
sleep 3
stop_ingestd
[ "$(lines)" -le $((count + 1)) ] || fail "a directory that stays is described at every look"

# For as long as the good ones take: names come, go and change places, one file is rewritten, one replaced by another.
make_fleet storm 1 60 1 20000 "$world/away"
make_fleet calm 1 20 1 20000 "$world/away"
start_ingestd
/usr/bin/python3 "$project/test/lib/rename_storm.py" "$(incoming storm1)" &
storm=$!
find "$world/away/cam-storm1" "$world/away/cam-calm1" -type f | sort > "$world/list"
while read -r parcel; do
  to=$(incoming "$(basename "$(dirname "$parcel")" | sed 's/^cam-//')")
  cp "$parcel" "$to/.new.part"
  mv "$to/.new.part" "$to/$(basename "$parcel")"
done < "$world/list"
storm_stored() { [ "$(stored_of storm1)" -eq 60 ] && [ "$(stored_of calm1)" -eq 20 ]; }
wait_until 120 "in the storm $(stored_of storm1) of 60 and $(stored_of calm1) of 20 pictures arrived" storm_stored
kill -0 $storm || fail "the storm had ended before"
kill $storm
wait $storm 2> /dev/null || true
stop_ingestd
digests "$evidence" > "$world/stored"
find "$world/away" -type f -exec sha256sum {} + | cut -d' ' -f1 | sort > "$world/wanted"
cmp "$world/stored" "$world/wanted" || fail "the evidence is not what was dropped, once each"
