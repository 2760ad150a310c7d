#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A suspended camera's drops wait, where it cannot reach them; after resume they are judged and stored.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
stop_sshd
upload 101
cp "$(spool 101)"/*.p7m "$server/srv/shutterseal/drop/cam-101/incoming/1-1-00000000000000aa.parcel"
shutterseal camera suspend 101 --root "$server" --reason test > /dev/null
ingest_once
[ "$(envelopes "$evidence")" -eq 0 ] || fail "a suspended camera's picture was stored"
cmp -s "$(spool 101)"/*.p7m "$server"/srv/shutterseal/drop/cam-101/held/*-1-1-00000000000000aa.parcel || fail "the drop is gone"
shutterseal camera resume 101 --root "$server" > /dev/null
ingest_once
[ "$(envelopes "$evidence")" -eq 1 ] || fail "after resume it was not stored"
