#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Both keys behind PKCS#11 (SoftHSM): made there, not to be had, used for pictures and logins; whatever the token refuses costs no picture.
# What SoftHSM never does, a module in front of it does (test/fault/locking_token.cc).
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/hardware.sh
. "$(dirname "$0")/../lib/hardware.sh"
locking=$build/fault/locking_token.so
export REAL_PKCS11="$softhsm_module"
make_server
make_token cam "$(cat "$passphrase")"
on_token() { configure_camera "$1" "signing-key = pkcs11:token=cam;object=$1-seal" "ssh-key = pkcs11:token=cam;object=$1-ssh" "pkcs11-module = ${2:-$softhsm_module}"; }
# steal LABEL: whoever knows the PIN asks the token for the key itself.
steal() { /usr/bin/python3 "$project/test/lib/steal_token_key.py" "$softhsm_module" "$1" < "$passphrase"; }
p11() { pkcs11-tool --module "$softhsm_module" --token-label cam --login --pin "$(cat "$passphrase")" "$@" > "$world/p11" 2>&1; }
on_token 101
make_camera 101
if grep -rlq 'PRIVATE KEY' "$(camera_root 101)"; then fail "a private key is on the disk"; fi
for object in 101-seal 101-ssh; do
  p11 --list-objects --type privkey --label $object
  grep -q 'sensitive, always sensitive, never extractable' "$world/p11" || fail "$object may leave the token: $(cat "$world/p11")"
  if steal $object > "$world/stolen" 2>&1; then fail "$object was read out"; fi
  grep -q 'C_GetAttributeValue gave 0x11$' "$world/stolen" || fail "$object was not asked for: $(cat "$world/stolen")"
done
take_pictures 101 3
start_ingestd
upload 101
[ "$(waiting 101)" -eq 0 ] || fail "envelopes wait"
all_pictures_are_evidence
stock_openssl_opens 101

take_pictures 101 2
(umask 077 && echo mistaken > "$world/wrong")
refused 77 'wrong PIN for .pkcs11:token=cam;object=101-s' "$world/wrong"
SOFTHSM2_CONF_SAVED=$SOFTHSM2_CONF
export SOFTHSM2_CONF="$world/other.conf"
mkdir "$world/other-tokens"
printf 'directories.tokendir = %s\n' "$world/other-tokens" > "$SOFTHSM2_CONF"
refused 69 'no token answers'
SOFTHSM2_CONF=$SOFTHSM2_CONF_SAVED
on_token 101 "$world/nothing.so"
refused 69 'cannot load the PKCS#11 module'
configure_camera 101 "signing-key = pkcs11:token=cam;object=none" "ssh-key = pkcs11:token=cam;object=101-ssh" "pkcs11-module = $softhsm_module"
refused 66 'holds no key'
configure_camera 101 "signing-key = pkcs11:token=cam;object=101-ssh" "ssh-key = pkcs11:token=cam;object=101-seal" "pkcs11-module = $softhsm_module"
refused 65 'certificate is not that of its signing key'

# A token that is locked, or would be after one more mistake: no PIN is tried.
on_token 101 "$locking"
export TOKEN_LOGINS="$world/logins"
TOKEN_FLAGS=0x40000 refused 77 'locked'
TOKEN_FLAGS=0x20000 refused 77 'one more wrong PIN'
[ ! -e "$world/logins" ] || fail "a PIN was tried on a token that may not bear it"
TOKEN_LOGIN=0xa4 refused 77 'locked'
[ -s "$world/logins" ] || fail "the module in front of SoftHSM is not used"
if grep -q -e mistaken -e "$(cat "$passphrase")" "$world"/*.log; then fail "a PIN is in a message"; fi

# A place that is taken stays as it is; a token that makes loose keys gets none of ours.
configure_camera 102 "signing-key = pkcs11:token=cam;object=101-seal" "ssh-key = pkcs11:token=cam;object=102-ssh" "pkcs11-module = $softhsm_module"
expect 73 'object=101-seal' shutterseal-upload enrol --root "$(camera_root 102)" --camera 102 --passphrase-file "$passphrase"
on_token 103 "$locking"
TOKEN_LOOSE=1 expect 77 'may leave it' shutterseal-upload enrol --root "$(camera_root 103)" --camera 103 --passphrase-file "$passphrase"
steal 103-seal > "$world/stolen" || fail "the control cannot read a loose key either"
[ ! -e "$(camera_root 103)/var/lib/shutterseal-upload/keys/request.pem" ] || fail "a refused enrolment left a request"

# URIs that say too much, or the same twice.
configure_camera 104 "signing-key = pkcs11:token=cam;object=a?pin-value=98765" "pkcs11-module = $softhsm_module"
expect 78 'holds no query' shutterseal-upload -t --root "$(camera_root 104)"
if grep -q 98765 "$world/said"; then fail "a PIN is in a message"; fi
configure_camera 104 "signing-key = handle:0x81000010" "ssh-key = handle:0x81000010"
expect 78 'are two keys' shutterseal-upload -t --root "$(camera_root 104)"
configure_camera 104 "ssh-key = pkcs11:token=cam;object=a"
expect 78 'pkcs11-module' shutterseal-upload -t --root "$(camera_root 104)"

# By an invitation, too: the answer opens by its token, because the signing key signs and does nothing else.
on_token 105
shutterseal camera invite 105 --root "$server" --out "$world/line"
cat "$server/etc/shutterseal/enrol/authorized_keys" >> "$world/sshd/authorized_keys"
join() { shutterseal-upload join "$world/line" --root "$(camera_root 105)" --passphrase-file "$passphrase"; }
expect 75 'waits for its administrator' join
expect 0 'enrolled camera=105' shutterseal camera approve --invited --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase"
expect 0 'camera 105 is enrolled, bundle 1' join
if grep -rlq 'PRIVATE KEY' "$(camera_root 105)"; then fail "a private key is on the disk"; fi

on_token 101
upload 101
all_pictures_are_evidence
