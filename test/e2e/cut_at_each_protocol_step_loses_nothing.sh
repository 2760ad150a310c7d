#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The line is cut at each step of the protocol (handshake, login, open, write, close, rename, receipt): before the octets are through, after them with the
# answer lost, and in the middle of an answer. The run after it stores every picture exactly once. Steps are found in a recorded good pass.
# In `make check` every third fault; LONG=1: all of them.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_world_behind_proxy
excuse_cut_lines
# Short patience for the cut run alone: the one after it must not depend on a time.
printf 'connect-timeout = 1s\nstall-timeout = 1s\nreceipt-timeout = 0\n' > "$world/short.conf"
cut_upload() { shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1; }
stored=0
one_picture() {
  take_pictures 101 1 3000
  stored=$((stored + 1))
}

start_ingestd
one_picture
order_next record
upload 101
steps=$(grep '^step' "$world/proxy.steps" | cut -d' ' -f2,3 | tr ' ' ,)
[ "$(echo "$steps" | wc -l)" -ge 12 ] || fail "the recorded pass has too few steps: $steps"

# The faults around each step: one octet less than it, all of it with the answer lost, half an answer.
for step in $steps; do
  up=${step%,*} down=${step#*,}
  if [ "$up" -gt 1 ]; then echo "up $((up - 1))"; echo "deaf $up"; fi
  if [ "$down" -gt 8 ]; then echo "down $((down - 8))"; fi
done > "$world/plan"
stride=3
[ -z "${LONG:-}" ] || stride=1
awk -v stride=$stride 'NR % stride == 0' "$world/plan" > "$world/faults"
while read -r fault; do
  one_picture
  # shellcheck disable=SC2086
  order_next $fault
  cut_upload || true
  order_next pass
  upload 101 || fail "after '$fault' the next run does not succeed"
  is_settled 101 $stored || fail "after '$fault': $(waiting 101) wait, $(envelopes "$evidence") of $stored are stored"
done < "$world/faults"
echo "$(faults) faults took place of $(wc -l < "$world/faults") ordered"
[ $(($(faults) * 2)) -ge "$(wc -l < "$world/faults")" ] || fail "most faults did not take place"

# The reply to the rename is lost while nobody takes the drop: the name exists when the camera comes again. Which step is the rename shows in the folder.
stop_ingestd
incoming=$server/srv/shutterseal/drop/cam-101/incoming
final_name() { [ -n "$(find "$incoming" -name '*.parcel' -not -name '.*')" ]; }
one_picture
lost_reply=no
for step in $steps; do
  [ "${step%,*}" -gt 1 ] || continue
  order_next deaf "${step%,*}"
  cut_upload || true
  if final_name; then lost_reply=yes; break; fi
done
[ $lost_reply = yes ] || fail "no cut lost the reply to the rename: this trial shows nothing"
[ "$(waiting 101)" -eq 1 ] || fail "the envelope went without a receipt"
order_next pass
start_ingestd
upload 101
is_settled 101 $stored || fail "after a lost reply to rename: $(waiting 101) wait, $(envelopes "$evidence") of $stored are stored"
all_pictures_are_evidence

# The controls: a copy in evidence, and a picture less, must be seen.
first=$(head -1 "$world/list")
copy=$(echo "$first" | sed 's,/\([0-9]*\)-\([^/]*\)$,/\11-\2,')
cp "$first" "$copy"
if is_settled 101 $stored; then fail "the harness does not see an envelope that is stored twice"; fi
rm -f "$copy" "$first"
if (trap - EXIT; all_pictures_are_evidence) 2> /dev/null; then fail "the harness does not see a lost picture"; fi
