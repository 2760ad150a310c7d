#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An invitation is used once or still usable, never half: the line is cut at each step of the join, and the administrator's command is killed at calls that
# change a disk (each twelfth from OFFSET; ALL=1: each); then the same again ends enrolled, with one certificate. A thousand invitations in a call. Bad
# input is one line, and makes nothing.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
make_server
# Keys with one round instead of 600,000: the authority's is opened some dozen times, and its protection is no part of this.
(umask 077 && openssl pkcs8 -topk8 -iter 1 -in "$custodian/authority.key" -passin "file:$passphrase" -passout "pass:$(cat "$passphrase")" -out "$world/quick.key" && mv "$world/quick.key" "$custodian/authority.key")
start_proxy
etc=$server/etc/shutterseal
enrol=$server/srv/shutterseal/drop/enrol
invite() { shutterseal camera invite --root "$server" "$@"; }
approve() { shutterseal camera approve --invited --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase"; }
# invited ID: its line in $world/line-ID, and sshd knows the key.
invited() {
  invite "$1" --out "$world/line-$1"
  cat "$etc/enrol/authorized_keys" >> "$world/sshd/authorized_keys"
}
printf 'stall-timeout = 1s\n' > "$world/short.conf"
join() { shutterseal-upload join "$world/line-$1" ${2:+--config "$2"} --root "$(camera_root "$1")" --passphrase-file "$passphrase"; }
cut_join() { join cut "$world/short.conf" > "$world/said" 2>&1 || true; }
is_whole() {
  [ "$(find "$etc/cameras/cam-$1/signing" -name '*.pem' | wc -l)" -eq 1 ] || fail "camera $1 has not one certificate"
  [ -z "$(ls "$enrol/incoming")" ] || fail "a request is left"
  shutterseal-upload status --root "$(camera_root "$1")" > "$world/status" || fail "camera $1 is not enrolled"
}

# Recorded once, then cut at each step: while the request goes up, and while the answer comes down.
invited first
order_next record
expect 75 'waits' join first
grep '^step' "$world/proxy.steps" | cut -d' ' -f2 > "$world/steps"
[ "$(wc -l < "$world/steps")" -ge 8 ] || fail "$(wc -l < "$world/steps") steps"
invited cut
quick() { [ ! -e "$(camera_root "$1")/quick" ] && [ -e "$(camera_root "$1")/var/lib/shutterseal-upload/keys/request.pem" ] || return 0; quicken_keys "$1"; : > "$(camera_root "$1")/quick"; }
kind=up
while read -r octets; do
  [ $kind = up ] && kind=deaf || kind=up
  order_next "$kind $octets"
  cut_join
  quick cut
done < "$world/steps"
[ "$(faults)" -ge 8 ] || fail "only $(faults) faults took place"
order_next pass
expect 75 'waits' join cut
expect 0 'enrolled camera=cut' approve
while read -r octets; do
  order_next "deaf $octets"
  cut_join
done < "$world/steps"
order_next pass
join cut > "$world/said" || fail "the cut camera does not join: $(cat "$world/said")"
is_whole cut

# Killed while it enrols.
make_faults
sample_each 12
invited k0
join k0 > "$world/said" 2>&1 || true
with_fault none:0 shutterseal camera approve --invited --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" > "$world/said" 2>&1
calls=$(wc -l < "$world/calls")
join k0 > "$world/said" || fail "k0 does not join"
echo "approve: $calls calls, each $STEP-th from $OFFSET"
at=$OFFSET
while [ "$at" -le "$calls" ]; do
  id=k$at
  invited "$id"
  join "$id" > "$world/said" 2>&1 || true
  with_fault "kill-after:$at" shutterseal camera approve --invited --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" > "$world/said" 2>&1 || true
  join "$id" > "$world/said" 2>&1 || true
  approve > "$world/said" 2>&1 || { cat "$world/said"; fail "after a kill at $at it does not go on"; }
  join "$id" > "$world/said" 2>&1 || { cat "$world/said"; fail "after a kill at $at camera $id does not join"; }
  is_whole "$id"
  at=$((at + STEP))
done

# A reader that dies condemns nothing, and a look deletes nothing.
waiting() { find "$enrol/incoming" -type f ! -name '.*' | wc -l; }
for id in w1 w2; do
  invited $id
  expect 75 'waits' join $id
done
echo rubbish > "$enrol/incoming/rubbish"
dead_readers() { strace -f -qq -o "$world/strace.log" -e trace=seccomp -e inject=seccomp:signal=KILL shutterseal camera approve --invited --root "$server" "$@"; }
expect 75 "trouble camera=- reason=.*the reader of '.*' gave no answer" dead_readers
expect 75 "the reader of 'rubbish' gave no answer" dead_readers --authority-key "$custodian/authority.key" --passphrase-file "$passphrase"
expect 0 'invitation-refused camera=- reason=malformed' shutterseal camera approve --invited --root "$server"
grep -q '^w2 ' "$world/said" || fail "w2 is not listed"
[ "$(waiting)" -eq 3 ] || fail "of 3 requests $(waiting) are left"

# While somebody is asked for the passphrase, nothing waits for him, and what is decided then is what counts.
mkfifo "$world/typed"
exec 9<> "$world/typed"
script -qfec "shutterseal camera approve --invited --root '$server' --authority-key '$custodian/authority.key'" /dev/null < "$world/typed" > "$world/prompt" 2>&1 &
asked=$!
wait_until 60 'the question for the passphrase' grep -q passphrase "$world/prompt"
expect 0 'w2 is withdrawn$' timeout 60 shutterseal camera withdraw w2 --root "$server"
cat "$passphrase" >&9
wait $asked || { cat "$world/prompt"; fail "who was asked enrols nobody"; }
exec 9>&-
for words in 'enrolled camera=w1' 'reason=unknown-token for="w2"' 'reason=malformed'; do grep -q "$words" "$world/prompt" || { cat "$world/prompt"; fail "not said: $words"; }; done
[ "$(waiting)" -eq 0 ] || fail "something is left"

# One damaged invitation stops no withdrawal and nobody else, and condemns no request; inviting anew mends it.
for id in d1 d2; do
  invited $id
  expect 75 'waits' join $id
done
: > "$etc/enrol/invitations/cam-d1.conf"
expect 0 'w1 is withdrawn, and the camera is suspended' shutterseal camera withdraw w1 --root "$server"
grep -q 'trouble camera=d1 reason=.*cam-d1.conf' "$world/said" || { cat "$world/said"; fail "the damaged invitation is not named"; }
expect 0 'suspended' shutterseal camera show w1 --root "$server"
expect 78 'enrolled camera=d2' approve
[ "$(waiting)" -eq 1 ] || fail "d1's request is gone"
expect 0 'd1 is withdrawn$' shutterseal camera withdraw d1 --root "$server"
: > "$etc/enrol/invitations/cam-d1.conf"
expect 0 'shutterseal-invitation-1 d1' invite d1
expect 0 'unknown-token for="d1"' approve
# Nor does a damaged camera.conf keep an invitation alive; and what was withdrawn stays so: the folder is synced before the keys change.
echo nonsense >> "$etc/cameras/cam-d2/camera.conf"
expect 78 'camera.conf' strace -f -y -o "$world/order.log" -e trace=unlinkat,fsync,rename,renameat,renameat2 shutterseal camera withdraw d2 --root "$server"
[ ! -e "$etc/enrol/invitations/cam-d2.conf" ] || fail "the invitation lives on"
# Without that right strace cannot read the names of a process that forbids dumps.
! has_need memory || awk '/unlinkat.*cam-d2.conf/ { gone = NR } /fsync.*enrol\/invitations>/ && gone { synced = NR } /rename.*authorized_keys/ { keys = NR } END { exit !(gone && synced > gone && keys > synced) }' "$world/order.log" || { cat "$world/order.log"; fail "the withdrawal is not synced in time"; }
rm -r "$etc/cameras/cam-d2"

# A thousand at once.
seq 1000 | sed 's/.*/site-&,Main Street &/' > "$world/sites.csv"
started=$(date +%s)
invite --csv "$world/sites.csv" --life 7d --out "$world/lines"
echo "1000 invitations in $(($(date +%s) - started)) s"
[ "$(cut -d' ' -f3 "$world/lines" | sort -u | wc -l)" -eq 1000 ] || fail "tokens are missing or equal"
[ "$(find "$etc/enrol/invitations" -name 'cam-site-*.conf' | wc -l)" -eq 1000 ] || fail "invitations are missing"
[ "$(grep -c 'cam-site-' "$etc/enrol/authorized_keys")" -eq 1000 ] || fail "keys are missing"
[ "$(stat -c %a "$world/lines")" = 600 ] || fail "others can read the lines"

# Bad input: one line, and nothing is made.
before=$(find "$etc/enrol" -type f -exec cat {} + | sha256sum)
printf 'new-1\nbad id\n' > "$world/bad.csv"
expect 65 "bad.csv:2: 'bad id' is no camera id" invite --csv "$world/bad.csv"
printf 'new-1,x\nnew-1,y\n' > "$world/bad.csv"
expect 65 "bad.csv:2: 'new-1' is there twice" invite --csv "$world/bad.csv"
expect 64 'either a camera' invite
expect 64 'life is a time' invite new-1 --life 31d
expect 64 'no camera id' invite 'X Y'
expect 66 'missing.csv' invite --csv "$world/missing.csv"
expect 73 'cut is enrolled already' invite cut
expect 73 'it exists' invite new-1 --out "$world/lines"
expect 67 'neither invited nor enrolled' shutterseal camera withdraw new-1 --root "$server"
expect 78 "run 'shutterseal init'" shutterseal camera withdraw new-1 --root "$world/nowhere"
expect 64 'takes neither ids' shutterseal camera approve cut --invited --root "$server"
[ "$(find "$etc/enrol" -type f -exec cat {} + | sha256sum)" = "$before" ] || fail "bad input changed something"
grep -q . "$world/line-first"
chmod 644 "$world/line-first"
expect 77 'line-first' join first
for line in 'shutterseal-invitation-1' "$(cut -c1-80 "$world/line-cut")" "$(cat "$world/line-cut") more" 'http://x/'; do
  printf '%s\n' "$line" > "$world/bad-line"
  chmod 600 "$world/bad-line"
  expect 65 'no invitation' shutterseal-upload join "$world/bad-line" --root "$world/nobody" --passphrase-file "$passphrase"
done
[ ! -e "$world/nobody" ] || fail "bad input made keys"
