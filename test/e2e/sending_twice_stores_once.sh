#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same parcel again, and the whole spool again: one copy in evidence, and a receipt all the same.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 2
port=$SSHD_PORT
stop_sshd
upload 101
cat "$(spool 101)"/*.p7m > "$world/parcel"
incoming=$server/srv/shutterseal/drop/cam-101/incoming
cp "$world/parcel" "$incoming/1-2-00000000000000aa.parcel"
ingest_once
cp "$world/parcel" "$incoming/1-2-00000000000000ab.parcel"
cp "$world/parcel" "$incoming/1-2-00000000000000ac.parcel"
ingest_once
[ "$(envelopes "$evidence")" -eq 2 ] || fail "stored twice"
[ -z "$(find "$incoming" -type f)" ] || fail "a duplicate was left waiting"
start_sshd "$world/sshd" "$port"
start_ingestd
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "the receipt did not cover what had arrived"
all_pictures_are_evidence
