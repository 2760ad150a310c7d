#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The server is restored from yesterday's backup. What was receipted since is gone there: the cameras say so, send again what `keep` still has, and go on
# by themselves; the gap shows. When only the evidence is restored, below today's index, the daemon does not start until the index is rebuilt:
# it would take for duplicates what it does not have.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
for id in 101 102; do
  make_camera $id
  quicken_keys $id
  mkdir -p "$(camera_root $id)/etc/shutterseal"
done
echo 'keep = 7d' > "$(camera_root 102)/etc/shutterseal/upload.conf"
both() {
  for id in 101 102; do
    take_pictures $id "$1" 3000
    upload $id
  done
}
runs_of() {
  openssl cms -verify -noverify -inform DER -in "$server/srv/shutterseal/drop/cam-$1/receipts/receipt.p7m" -out "$world/receipt" 2> "$world/cms.log"
  grep '^run ' "$world/receipt" | cut -d' ' -f3,4 | sort -n | tr '\n' ','
}
start_ingestd
both 3
stop_ingestd
cp -a "$server/var/lib/shutterseal" "$world/yesterday"
start_ingestd
both 3
is_settled 101 12 || fail "twelve pictures are not stored"
stop_ingestd

# All of it: 4 to 6 are gone. 101 has deleted them, 102 has kept them.
cp -a "$server/var/lib/shutterseal" "$world/today"
rm -rf "$server/var/lib/shutterseal"
cp -a "$world/yesterday" "$server/var/lib/shutterseal"
find "$world/originals" -name '101-*' | sort > "$world/taken"
start_ingestd
take_pictures 101 1 3000
expect 0 'server-lost.* first=1 last=6 sent-again=0' upload 101
take_pictures 102 1 3000
expect 0 'server-lost.* first=1 last=6 sent-again=3' upload 102
[ "$(runs_of 101)" = '1 3,7 7,' ] || fail "the gap does not show: $(runs_of 101)"
[ "$(runs_of 102)" = '1 7,' ] || fail "what was kept did not come again: $(runs_of 102)"
upload 101 > "$world/said" 2>&1
[ ! -s "$world/said" ] || { cat "$world/said"; fail "what is said once is said again"; }
# Eleven pictures, and 101's own statement of what the server lost.
is_settled 101 12 || fail "$(envelopes "$evidence") are stored, not twelve"
shutterseal find --root "$server" --camera 101 --kind event | grep -q ' "gap 4-6 vanished"$' || fail "the camera does not state what was lost"
is_settled 102 12 || fail "envelopes of 102 wait"
stop_ingestd

# The evidence alone, below today's index, with envelopes on the way that only the index knows.
rm -rf "$server/var/lib/shutterseal"
cp -a "$world/today" "$server/var/lib/shutterseal"
rm -rf "$evidence"
cp -a "$world/yesterday/evidence" "$evidence"
expect 65 'index rebuild' shutterseal-ingestd --root "$server" --foreground --once
cp "$(spool 102)/kept/"*.p7m "$(spool 102)/"
before=$(waiting 102)
printf 'keep = 7d\nreceipt-timeout = 0\n' > "$world/short.conf"
shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 102)" --passphrase-file "$passphrase" > "$world/said" 2>&1 || true
[ "$(waiting 102)" -eq "$before" ] || fail "102 deleted what the restored server does not have"
expect 0 '' shutterseal index rebuild --root "$server"
start_ingestd
upload 102 > "$world/said" 2>&1
case ",$(runs_of 102)" in *',1 7,'*) ;; *) fail "after the rebuild 102's pictures are not all there: $(runs_of 102)" ;; esac
has_drained 102 || fail "envelopes of 102 wait"
