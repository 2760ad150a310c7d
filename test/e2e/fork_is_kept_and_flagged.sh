#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two envelopes with the same chain and sequence (a restored card): both are evidence, the second is flagged fork; the camera starts a new chain.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
take_pictures 101 1
state=$(camera_root 101)/var/lib/shutterseal-upload
port=$SSHD_PORT
stop_sshd
upload 101
incoming=$server/srv/shutterseal/drop/cam-101/incoming
cp "$(spool 101)"/*.p7m "$incoming/1-1-00000000000000aa.parcel"
chain=$(sed -n 's/^chain = //p' "$state/state/chain")
# The card is put back to before the first picture: same chain, sequence 1 again, and nothing in the spool.
mkdir "$world/away"
mv "$(spool 101)"/*.p7m "$world/away/"
printf 'format = 1\nchain = %s\nnext = 1\nprevious = %064d\n' "$chain" 0 > "$state/state/chain"
take_pictures 101 1
upload 101
cp "$(spool 101)"/*.p7m "$incoming/1-1-00000000000000ab.parcel"
ingest_once
[ "$(envelopes "$evidence")" -eq 2 ] || fail "both branches must be kept"
shutterseal find --root "$server" --json > "$world/found"
[ "$(grep -c '"verdict":"fork"' "$world/found")" -eq 1 ] || { cat "$world/found"; fail "one of the two must be flagged fork"; }
start_sshd "$world/sshd" "$port"
start_ingestd
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "the receipt did not cover the branch that this camera has"
all_pictures_are_evidence
