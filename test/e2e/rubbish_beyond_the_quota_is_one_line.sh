#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A camera that sends rubbish for ever fills neither disk nor inodes: beyond its quota each refusal is a line. Its good pictures still arrive.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
printf 'quarantine-quota = 64k\nfree-least = 0\n' > "$server/etc/shutterseal/ingestd.conf"
n=0
while [ $n -lt 60 ]; do
  echo "rubbish $n" > "$server/srv/shutterseal/drop/cam-101/incoming/$n-$n-00000000000000aa.parcel"
  n=$((n + 1))
done
ingest_once
[ -z "$(find "$server/srv/shutterseal/drop/cam-101/incoming" -type f)" ] || fail "rubbish is left"
kept=$(find "$quarantine/cam-101" -name '*.parcel' | wc -l)
lines=$(wc -l < "$quarantine/cam-101/overflow")
[ $((kept + lines)) -eq 60 ] || fail "$kept kept and $lines lines of 60"
[ "$kept" -ge 1 ] || fail "none is kept"
[ "$kept" -le 8 ] || fail "$kept kept with a quota for eight"
take_pictures 101 1
start_ingestd
upload 101
all_pictures_are_evidence
