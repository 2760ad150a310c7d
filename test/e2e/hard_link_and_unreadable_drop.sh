#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A drop with a second name (its own .part, as a killed sshd leaves it) is taken and the .part goes. An unreadable one is left, said once.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
stop_sshd
upload 101
incoming=$server/srv/shutterseal/drop/cam-101/incoming
drop=1-1-00000000000000aa.parcel
cat "$(spool 101)"/*.p7m > "$incoming/.$drop.part"
ln "$incoming/.$drop.part" "$incoming/$drop"
ingest_once
[ "$(envelopes "$evidence")" -eq 1 ] || fail "the drop with two names was not taken"
[ -z "$(find "$incoming" -type f)" ] || fail "a name is left"
# Root reads everything: the unreadable one needs another user's eyes.
if [ "$(id -u)" -ne 0 ]; then
  echo x > "$incoming/2-2-00000000000000aa.parcel"
  chmod 0 "$incoming/2-2-00000000000000aa.parcel"
  ingest_once
  [ -e "$incoming/2-2-00000000000000aa.parcel" ] || fail "the unreadable drop is gone"
  grep -q 'waiting camera=101 reason=unreadable' "$world/ingestd.log" || fail "the unreadable drop is not said"
fi
