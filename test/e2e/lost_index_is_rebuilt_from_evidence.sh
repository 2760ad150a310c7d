#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The index is gone: index rebuild makes it again from the evidence; the daemon adopts what it does not know.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 3
start_ingestd
upload 101
stop_ingestd
shutterseal find --root "$server" > "$world/before"
rm "$server"/var/lib/shutterseal/index.db*
expect 0 '3' shutterseal index rebuild --root "$server"
shutterseal find --root "$server" > "$world/after"
cmp "$world/before" "$world/after" || fail "the rebuilt index says something else"
rm "$server"/var/lib/shutterseal/index.db*
ingest_once
shutterseal find --root "$server" > "$world/after"
cmp "$world/before" "$world/after" || fail "the adopted index says something else"
