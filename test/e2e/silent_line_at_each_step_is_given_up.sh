#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The line goes silent at each step of the protocol, without a reset: as mobile lines die. The uploader gives it up by itself, where libcurl alone
# would wait for libssh2's minute, keeps the picture, and the next run stores it once. In `make check` every sixth step; LONG=1: all of them.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_world_behind_proxy
excuse_cut_lines
# total-timeout would end it, too, and hide that nothing else does: an hour.
printf 'connect-timeout = 1s\nstall-timeout = 1s\nreceipt-timeout = 0\ntotal-timeout = 1h\n' > "$world/short.conf"
start_ingestd
take_pictures 101 1 3000
order_next record
upload 101
stride=6
limit=50  # libssh2 would give up after 60 s
[ -z "${LONG:-}" ] || stride=1
stored=1
awk -v stride=$stride '/^step/ && $2 > 1 && ++n % stride == 0 { print $2 }' "$world/proxy.steps" > "$world/steps"
while read -r step; do
  take_pictures 101 1 3000
  stored=$((stored + 1))
  order_next silent "$step"
  timeout $limit shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1 < /dev/null || status=$?
  [ "${status:-0}" -ne 124 ] || fail "silence after $step octets holds the uploader for $limit s"
  order_next pass
  upload 101
  is_settled 101 $stored || fail "after silence at $step: $(waiting 101) wait, $(envelopes "$evidence") of $stored are stored"
done < "$world/steps"
[ "$(faults)" -ge 3 ] || fail "only $(faults) silences took place"
echo "$(faults) silences of $((stored - 1)) ordered"
all_pictures_are_evidence
