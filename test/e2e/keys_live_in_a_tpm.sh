#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Both keys in a TPM (swtpm): made there, not to be had, used for pictures, alerts and logins; whatever the TPM refuses costs no picture.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/hardware.sh
. "$(dirname "$0")/../lib/hardware.sh"
make_server
start_tpm
keys=$(camera_root 101)/var/lib/shutterseal-upload/keys
in_tpm() { configure_camera "$1" "signing-key = handle:0x81000010" "ssh-key = handle:0x81000011" "tpm = $tcti"; }

# Made there. Nothing on the disk is a private key, and the TPM gives none away.
in_tpm 101
make_camera 101
if grep -q 'warning' "$world/enrol-101.log"; then fail "enrol warns of keys that are not on the disk"; fi
if grep -rlq 'PRIVATE KEY' "$(camera_root 101)"; then fail "a private key is on the disk"; fi
[ ! -e "$keys/enrolling" ] || fail "the note of an enrolment is left"
for handle in 0x81000010 0x81000011; do
  tpm2_readpublic -c $handle > "$world/public"
  grep -q 'value: fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign$' "$world/public" || fail "$handle is not bound to its TPM: $(cat "$world/public")"
done
tpm2_createprimary -C o -c "$world/parent" > "$world/tools.log"
if tpm2_duplicate -C "$world/parent" -c 0x81000010 -p "$(cat "$passphrase")" -G null -s "$world/seed" -r "$world/out" 2>> "$world/tools.log"; then fail "the key can be taken out"; fi
tpm2_flushcontext -t
openssl x509 -in "$(find "$server/etc/shutterseal/cameras/cam-101/signing" -name '*.pem')" -noout -pubkey > "$world/certified"
openssl pkey -provider tpm2 -provider default -propquery '?provider=tpm2' -in handle:0x81000010 -pubout > "$world/in-tpm"
cmp "$world/certified" "$world/in-tpm" || fail "stock openssl sees another key in the TPM than the certificate's"

# Used there: pictures, an alert, the login.
take_pictures 101 3
start_ingestd
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "envelopes wait"
all_pictures_are_evidence
stock_openssl_opens 101
find "$world/originals" -type f -exec cmp -s "$world/picture" {} \; -print | grep -q . || fail "stock openssl opens no picture of ours"
shutterseal-upload alert tamper --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/alert.log"
expect 0 'handle:0x81000010' shutterseal-upload status --root "$(camera_root 101)"
if grep -q "warning:.* file" "$world/said"; then fail "status warns of keys that are not on the disk"; fi
upload 101
[ "$(envelopes "$evidence")" -eq 4 ] || fail "the alert did not arrive"

# Refused, and nothing lost.
take_pictures 101 2
stop_tpm
refused 69 'no TPM answers'
mv "$swtpm_dir/state" "$swtpm_dir/own"
start_tpm
refused 66 'holds no key at handle:0x8100001'
stop_tpm
rm -r "$swtpm_dir/state"
mv "$swtpm_dir/own" "$swtpm_dir/state"
start_tpm
(umask 077 && echo mistaken > "$world/wrong" && printf '%033d\n' 1 > "$world/long")
refused 77 'wrong PIN for handle:0x8100001' "$world/wrong"
refused 77 'at most 32 octets' "$world/long"
tpm2_dictionarylockout -s -n 4 -t 1000 -l 1000
tpm2_dictionarylockout -c
for _ in 1 2 3 4; do
  shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$world/wrong" >> "$world/wrong.log" 2>&1 || true
done
refused 75 'locked'
tpm2_dictionarylockout -c
in_tpm 102
expect 73 'handle:0x81000010' shutterseal-upload enrol --root "$(camera_root 102)" --camera 102 --passphrase-file "$passphrase"
[ ! -e "$(camera_root 102)/var/lib/shutterseal-upload/keys/request.pem" ] || fail "a refused enrolment left a request"
upload 101
all_pictures_are_evidence
if grep -q -e mistaken -e "$(cat "$passphrase")" "$world"/*.log; then fail "a PIN is in a message"; fi

# A TPM that is away for a while: watch says so, keeps the picture, and goes on when it is back.
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" 2> "$world/watch.log" &
watch=$!
take_pictures 101 1
has_seven() { [ "$(envelopes "$evidence")" -eq 7 ]; }
has_eight() { [ "$(envelopes "$evidence")" -eq 8 ]; }
misses_tpm() { grep -q 'no TPM answers' "$world/watch.log"; }
wait_until 60 "watch sends nothing: $(cat "$world/watch.log")" has_seven
stop_tpm
take_pictures 101 1
wait_until 60 "watch does not miss its TPM" misses_tpm
start_tpm
wait_until 60 "watch does not find its TPM again" has_eight
kill $watch
wait $watch || fail "watch ended with $?"
all_pictures_are_evidence

# A TPM that is away at a login: that is said, and not taken for a refusal by the server.
configure_camera 104 "ssh-key = handle:0x81000030" "tpm = $tcti" "idle-close = 0ms"
make_camera 104
shutterseal-upload watch --root "$(camera_root 104)" --passphrase-file "$passphrase" 2> "$world/watch.log" &
watch=$!
take_pictures 104 1
has_nine() { [ "$(envelopes "$evidence")" -eq 9 ] && [ "$(waiting 104)" -eq 0 ]; }
has_ten() { [ "$(envelopes "$evidence")" -eq 10 ]; }
wait_until 60 "watch sends nothing" has_nine
stop_tpm
take_pictures 104 1
wait_until 60 "watch does not say why it cannot log in" grep -q 'the SSH key did not sign: no TPM answers' "$world/watch.log"
start_tpm
wait_until 60 "watch does not log in again" has_ten
kill $watch
wait $watch || fail "watch ended with $?"

# An enrolment that was cut before its request goes on with the keys that it made; any other key stays untouched and unused.
root=$(camera_root 103)
configure_camera 103 "signing-key = handle:0x81000020" "ssh-key = handle:0x81000021" "tpm = $tcti"
enrol() { shutterseal-upload enrol --root "$root" --camera 103 --passphrase-file "$passphrase"; }
enrol > "$world/enrol-103.log"
mv "$root/var/lib/shutterseal-upload/keys/request.pem" "$world/first"
expect 73 'handle:0x81000020' enrol
printf 'handle:0x81000020\nhandle:0x81000021\n' > "$root/var/lib/shutterseal-upload/keys/enrolling"
tpm2_evictcontrol -C o -c 0x81000021 > "$world/tools.log"
enrol > "$world/enrol-103.log"
[ "$(openssl req -in "$world/first" -noout -pubkey)" = "$(openssl req -in "$root/var/lib/shutterseal-upload/keys/request.pem" -noout -pubkey)" ] ||
  fail "a cut enrolment made another signing key"
rm "$root/var/lib/shutterseal-upload/keys/request.pem"
printf 'handle:0x81000020\nhandle:0x81000021\n' > "$root/var/lib/shutterseal-upload/keys/enrolling"
tpm2_evictcontrol -C o -c 0x81000020 > "$world/tools.log"
tpm2_createprimary -C o -c "$world/parent" > "$world/tools.log"
tpm2_create -C "$world/parent" -G ecc256 -a 'sensitivedataorigin|userwithauth|sign' -p "$(cat "$passphrase")" -u "$world/u" -r "$world/r" -c "$world/loose" > "$world/tools.log"
tpm2_flushcontext -t
tpm2_evictcontrol -C o -c "$world/loose" 0x81000020 > "$world/tools.log" 2>&1 || {
  tpm2_createprimary -C o -c "$world/parent" > "$world/tools.log"
  tpm2_load -C "$world/parent" -u "$world/u" -r "$world/r" -c "$world/loose" > "$world/tools.log"
  tpm2_evictcontrol -C o -c "$world/loose" 0x81000020 > "$world/tools.log"
  tpm2_flushcontext -t
}
expect 77 'may leave it' enrol
