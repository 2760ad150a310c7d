#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One camera's receipts/ is gone, and more of its drops wait than are taken at a time. They were taken again at once, each time with a line in the log,
# for ever; now that camera waits for the next look at all of them, and --once ends. Nobody else waits, and all is settled when it is mended.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$project/test/lib/fleet.sh"

left() { drops_of "$1"; }
once() {
  timeout 100 shutterseal-ingestd --root "$server" --foreground --once 2>> "$world/ingestd.log" || fail "--once gave $?"
}

make_server
configure 'workers = 1'
make_fleet aa 1 300 1 2000
make_fleet bb 1 5 1 2000
receipts=$server/srv/shutterseal/drop/cam-aa1/receipts
mv "$receipts" "$receipts-gone"
once
[ "$(left bb1)" -eq 0 ] || fail "$(left bb1) of another camera's drops wait"
[ "$(left aa1)" -eq 300 ] || fail "drops were removed without a receipt: $(left aa1) of 300 are left"
told=$(said 'trouble camera=aa1')
[ "$told" -gt 0 ] || fail "nothing was said"
[ "$told" -le 130 ] || fail "it was said $told times: more than once for each drop that was on its way"
mv "$receipts-gone" "$receipts"
once
[ "$(left aa1)" -eq 0 ] || fail "$(left aa1) still wait"
[ -s "$receipts/receipt.p7m" ] || fail "there is no receipt"
[ "$(envelopes "$evidence")" -eq 305 ] || fail "$(envelopes "$evidence") envelopes are stored, not 305"
