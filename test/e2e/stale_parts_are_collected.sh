#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a cut upload left in incoming/, or anything else under a hidden name, goes when it is older than part-age; a young one stays.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
incoming=$server/srv/shutterseal/drop/cam-101/incoming
for name in .old.parcel.part .young.parcel.part .old-and-hidden; do echo x > "$incoming/$name"; done
touch -d '8 days ago' "$incoming/.old.parcel.part" "$incoming/.old-and-hidden"
ingest_once
[ ! -e "$incoming/.old.parcel.part" ] || fail "the stale part is still there"
[ -e "$incoming/.young.parcel.part" ] || fail "a part that may still grow is gone"
[ ! -e "$incoming/.old-and-hidden" ] || fail "a stale hidden file is still there"
