#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The camera's state is not what the server knows: a card restored from last week, a root that forgets everything at each start, a cloned disk beside the
# real camera, a spool copied to another machine. Nothing is lost or stored twice, the fork is told, a new chain begins, and nobody has to come.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
port=$SSHD_PORT
for id in 101 102 103 104; do
  make_camera $id
  quicken_keys $id
done
state() { echo "$(camera_root "$1")/var/lib/shutterseal-upload"; }
stored=0
pictures() {
  take_pictures "$1" "$2" 3000
  stored=$((stored + $2))
}
seal_without_a_line() {
  stop_sshd
  upload "$1"
  start_sshd "$world/sshd" "$port"
}
settled() {
  if ! is_settled "$1" $stored; then fail "$2: $(waiting "$1") wait, $(envelopes "$evidence") of $stored are stored"; fi
}
found() { shutterseal find --root "$server" --camera "$1" --json; }
chains() { found "$1" | sed 's/.*"chain":"\([^"]*\)".*/\1/' | sort -u | wc -l; }
forks() { found "$1" | grep -c '"verdict":"fork"' || true; }
start_ingestd

# Last week's card holds two envelopes that the server has since got, and knows nothing of three more.
pictures 101 2
upload 101
pictures 101 2
seal_without_a_line 101
cp -a "$(camera_root 101)" "$world/last-week"
upload 101
pictures 101 3
upload 101
settled 101 "before the card is restored"
rm -rf "$(camera_root 101)"
cp -a "$world/last-week" "$(camera_root 101)"
[ "$(waiting 101)" -eq 2 ] || fail "the old card has no old envelopes: this shows nothing"
pictures 101 2
upload 101
settled 101 "with last week's card"
[ "$(forks 101)" -eq 2 ] || fail "$(forks 101) envelopes are flagged, not the two of the fork"
pictures 101 1
upload 101
settled 101 "after the fork"
[ "$(chains 101)" -eq 2 ] || fail "no new chain began after the fork"

# The same, but so much is sealed without a line that the new branch is longer than the old one.
cp -a "$(camera_root 104)" "$world/enrolled-104"
pictures 104 2
upload 104
rm -rf "$(camera_root 104)"
cp -a "$world/enrolled-104" "$(camera_root 104)"
pictures 104 5
seal_without_a_line 104
upload 104
pictures 104 1
upload 104
settled 104 "with a branch longer than the old one"
[ "$(chains 104)" -eq 2 ] || fail "the receipt showed the fork, and no new chain began"

# An overlay root: at each start the card is as it was after enrolment.
cp -a "$(camera_root 102)" "$world/enrolled"
for _ in 1 2 3; do
  rm -rf "$(camera_root 102)"
  cp -a "$world/enrolled" "$(camera_root 102)"
  pictures 102 2
  upload 102
  pictures 102 1
  upload 102
  settled 102 "with an overlay root"
done
[ "$(chains 102)" -ge 3 ] || fail "$(chains 102) chains after three starts"

# A clone beside the real camera, in turns and at once.
pictures 103 1
upload 103
cp -a "$(camera_root 103)" "$(camera_root 103b)"
for _ in 1 2 3; do
  pictures 103 2
  pictures 103b 1
  upload 103b &
  clone=$!
  upload 103
  wait $clone
  settled 103 "beside a clone"
  settled 103b "as a clone"
done
[ "$(forks 103)" -ge 1 ] || fail "nothing tells of the clone"
[ "$(chains 103)" -ge 2 ] || fail "two machines go on with one chain"

# A spool copied to another machine: of the same camera without its state, and of another camera.
pictures 103 2
seal_without_a_line 103
rm -rf "$(camera_root 103b)"
cp -a "$(camera_root 103)" "$(camera_root 103b)"
rm "$(state 103b)/state/"*
cp "$(spool 103)"/*.p7m "$(spool 102)/"
upload 103b
upload 103
settled 103b "with a copied spool and no state"
settled 103 "after a copy was sent"
pictures 102 1
for _ in 1 2 3; do upload 102 > "$world/said" 2>&1 || true; done
stored=$((stored + 1))  # 102 states what was refused
settled 102 "with another camera's spool"
[ "$(find "$(spool 102)/refused" -name '*.p7m' | wc -l)" -eq 2 ] || fail "another camera's envelopes are not kept in refused/"
all_pictures_are_evidence
