#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whatever a disk makes of a file below state/: pictures are sealed and sent all the same, it is said once, and no gap is invented. What was seen of
# receipts cannot be made again: until one proves to be fresh nothing is let go, and an old one that is replayed proves nothing.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
base=$(camera_root 101)/var/lib/shutterseal-upload
state=$base/state
receipt=$server/srv/shutterseal/drop/cam-101/receipts/receipt.p7m
port=$SSHD_PORT
printf 'receipt-timeout = 300ms\n' > "$world/short.conf"
short_upload() { shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"; }
notes() { shutterseal find --root "$server" --kind event --json | sed 's/.*"note":"\([^"]*\)".*/\1/' | sort | tr '\n' ','; }
pictures() { shutterseal find --root "$server" --kind image | wc -l; }
zeros() { rm -rf "$1" && head -c 64 /dev/zero > "$1"; }
folder() { rm -rf "$1" && mkdir -p "$1/in/it"; }
taken=0
picture_arrives() {
  take_pictures 101 1 3000
  taken=$((taken + 1))
  upload 101 > "$world/said" 2>&1 || { cat "$world/said"; fail "$1: the run fails"; }
  { [ "$(pictures)" -eq $taken ] && has_drained 101; } || { cat "$world/said"; fail "$1: $(pictures) pictures of $taken"; }
}
start_ingestd
picture_arrives 'the first'

# ---- what can be made again -------------------------------------------------------------------------------------------------------------
for name in link heartbeat renewal gaps unsealed kept-age chain; do
  for harm in zeros folder; do
    $harm "$state/$name"
    expect 0 "^camera" shutterseal-upload status --root "$(camera_root 101)"
    picture_arrives "$harm in $name"
    [ "$(grep -c 'state-damaged file=' "$world/said")" -eq 1 ] || { cat "$world/said"; fail "$harm in $name are not said"; }
  done
done
for lock in run.lock chain.lock; do
  rm -rf "${base:?}/$lock" && mkdir "$base/$lock"
done
zeros "$base/keys/certificate.pem"
picture_arrives 'folders for locks'
[ ! -s "$world/said" ] || { cat "$world/said"; fail "what was said once is said again"; }
[ -z "$(notes)" ] || fail "gaps are invented: $(notes)"

# ---- what cannot: receipts --------------------------------------------------------------------------------------------------------------
# Three that are stored and receipted, a receipt that says so, and a server that has lost them since: it is only the number that tells its age.
stop_sshd
take_pictures 101 3 3000
taken=$((taken + 3))
upload 101
mkdir "$world/three"
cp -p "$(spool 101)"/*.p7m "$world/three"
start_sshd "$world/sshd" "$port"
upload 101
has_drained 101 || fail "three are not receipted"
stop_ingestd
cp "$receipt" "$world/old"
cp -p "$world"/three/*.p7m "$(spool 101)"
zeros "$state/receipt"
cp "$world/old" "$receipt"
taken=$((taken + 1))
take_pictures 101 1 3000
expect 75 'state-damaged file=.*receipt' short_upload
expect 75 'no receipt' short_upload
[ "$(find "$(spool 101)" -maxdepth 1 -name '*.p7m' | wc -l)" -eq 5 ] || fail "an old receipt was believed: $(waiting 101) of five wait"
expect 0 '"receipts_known":false' shutterseal-upload status --root "$(camera_root 101)" --json
# A fresh one covers the event that was sealed when the loss was noticed.
start_ingestd
expect 0 'receipt-state-found' upload 101
{ has_drained 101 && [ "$(pictures)" -eq $taken ]; } || fail "$(waiting 101) wait when a fresh receipt came"
[ "$(notes)" = 'trouble receipt-state lost,' ] || fail "the statements are others: $(notes)"
expect 0 '"receipts_known":true' shutterseal-upload status --root "$(camera_root 101)" --json
# The floor holds again: the old one is old.
stop_ingestd
cp "$world/old" "$receipt"
cp -p "$world"/three/*.p7m "$(spool 101)"
expect 75 'older than one that was seen' short_upload
[ "$(waiting 101)" -eq 3 ] || fail "an old receipt was believed"
start_ingestd
upload 101

# Missing, or a folder, or half of it: the same, and what really vanished is still told.
rm "$state/receipt"
picture_arrives 'no receipt file'
folder "$state/receipt"
picture_arrives 'a folder for receipts'
grep -v '^sent' "$state/receipt" > "$world/half"
cat "$world/half" > "$state/receipt"
picture_arrives 'half of the receipts'
lost='trouble receipt-state lost,'
[ "$(notes)" = "$lost$lost$lost$lost" ] || fail "the statements are others: $(notes)"
stop_sshd
take_pictures 101 2 3000
upload 101
rm "$(find "$(spool 101)" -maxdepth 1 -name '*.p7m' | sort -t- -k3n | head -1)"
zeros "$state/receipt"
start_sshd "$world/sshd" "$port"
upload 101 2> "$world/said"
case $(notes) in *'gap '*'vanished,'*) ;; *) cat "$world/said"; fail "what vanished is not told: $(notes)" ;; esac

# ---- a state that cannot be written -------------------------------------------------------------------------------------------------------
# watch goes on sealing and sending, says it, lets go of nothing, and does when it can.
stored=$(pictures)
mkdir -p "$state/.receipt.new/in/it"
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" 2> "$world/watch.log" &
watch=$!
HELPERS="$HELPERS $watch"
take_pictures 101 2 3000
stores_two() { [ "$(pictures)" -eq $((stored + 2)) ]; }
until_true "a state that cannot be written stops the pictures" stores_two
until_true "the trouble is not said" grep -q 'trouble .*reason="cannot remove' "$world/watch.log"
expect 0 'last_error .*cannot remove' shutterseal-upload status --root "$(camera_root 101)"
[ "$(waiting 101)" -eq 2 ] || fail "what is not remembered was let go"
rm -r "$state/.receipt.new"
until_true "nothing is let go when the state can be written again" has_drained 101
kill $watch
wait $watch || fail "watch ended with $?"
