#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A parcel with a good and a bad envelope: the good one is kept, the parcel goes to quarantine, the receipt names both.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 2
port=$SSHD_PORT
stop_sshd
upload 101
first=$(find "$(spool 101)" -name '*-1-*.p7m')
second=$(find "$(spool 101)" -name '*-2-*.p7m')
cp "$second" "$world/bad"
printf 'X' | dd of="$world/bad" bs=1 seek=9000 conv=notrunc 2>/dev/null
cat "$first" "$world/bad" > "$server/srv/shutterseal/drop/cam-101/incoming/1-2-00000000000000aa.parcel"
ingest_once
[ "$(envelopes "$evidence")" -eq 1 ] || fail "the good envelope was not kept"
grep -q 'refused camera=101 verdict=bad-signature' "$world/ingestd.log" || fail "the bad one was not refused as bad-signature"
[ "$(find "$quarantine" -type f -name '*.reason' | wc -l)" -ge 1 ] || fail "nothing in quarantine"
receipt=$server/srv/shutterseal/drop/cam-101/receipts/receipt.p7m
grep -a -q '^run .* 1 1 ' "$receipt" || fail "the receipt does not cover the good one"
grep -a -q '^refused .*bad-signature' "$receipt" || fail "the receipt does not name the refused one"
start_sshd "$world/sshd" "$port"
start_ingestd
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "the second picture did not arrive in the end"
all_pictures_are_evidence
