#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Symlink, FIFO, directory and garbage in incoming/: refused, kept in quarantine or left, and a good parcel beside them arrives.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
incoming=$server/srv/shutterseal/drop/cam-101/incoming
ln -s /etc/passwd "$incoming/1-1-0000000000000001.parcel"
mkfifo "$incoming/1-1-0000000000000002.parcel"
mkdir "$incoming/1-1-0000000000000003.parcel"
echo garbage > "$incoming/1-1-0000000000000004.parcel"
: > "$incoming/1-1-0000000000000005.parcel"
echo hidden > "$incoming/.half.part"
printf 'x' > "$incoming/$(printf 'new\nline\033[31m.parcel')"
start_ingestd
upload 101
stop_ingestd
[ "$(envelopes "$evidence")" -eq 1 ] || fail "the good picture did not arrive"
[ "$(grep -c 'refused camera=101' "$world/ingestd.log")" -ge 4 ] || fail "refusals are not logged"
if grep -q 'root:x:0' -r "$quarantine" "$evidence"; then fail "the symlink was followed"; fi
LC_ALL=C grep -q '[[:cntrl:]]' "$world/ingestd.log" && fail "a control character reached the log"
[ -e "$incoming/.half.part" ] || fail "an unfinished upload was taken away"
all_pictures_are_evidence
