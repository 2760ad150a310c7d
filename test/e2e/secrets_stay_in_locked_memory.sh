#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A running uploader's whole memory: private keys, passphrase and PIN lie in pages that are locked against swap and never dumped, and nowhere else;
# of a picture that was sealed nothing is left, nor is the file still open. With keys in files, in a TPM and on a token.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/hardware.sh
. "$(dirname "$0")/../lib/hardware.sh"
PATH=$plain/bin:$PATH  # a sanitizer keeps memory of its own, terabytes of addresses, and what was freed
needs memory  # of a process that may not be dumped
make_server
start_tpm
make_token cam "$(cat "$passphrase")"
configure_camera 102 "signing-key = handle:0x81000010" "ssh-key = handle:0x81000011" "tpm = $tcti"
configure_camera 103 "signing-key = pkcs11:token=cam;object=seal" "ssh-key = pkcs11:token=cam;object=ssh" "pkcs11-module = $softhsm_module"
start_ingestd
tr -d '\n' < "$passphrase" > "$world/secret-passphrase"
look() { /usr/bin/python3 "$project/test/lib/secrets_in_memory.py" "$watch" "$@" > "$world/look.log"; }
# A private number as OpenSSL holds it: its least octet first.
number_of() {
  /usr/bin/python3 - "$1" "$passphrase" > "$2" << 'P'
import sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
key = load_pem_private_key(open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read().strip())
sys.stdout.buffer.write(key.private_numbers().private_value.to_bytes(32, "little"))
P
}
arrived() { [ "$(find "$evidence/cam-$1" -name '*.p7m' 2> /dev/null | wc -l)" -eq 3 ] && [ "$(waiting "$1")" -eq 0 ]; }

printf 'cam-101' > "$world/no-secret"

for id in 101 102 103; do
  make_camera $id
  take_pictures $id 3 60000
  shutterseal-upload watch --root "$(camera_root $id)" --passphrase-file "$passphrase" 2> "$world/watch-$id.log" &
  watch=$!
  wait_until 60 "the pictures of $id do not arrive" arrived $id
  if [ $id -eq 101 ]; then
    keys=$(camera_root 101)/var/lib/shutterseal-upload/keys
    number_of "$keys/signing.key" "$world/secret-signing"
    number_of "$keys/ssh.key" "$world/secret-ssh"
    if look "$world/no-secret"; then fail "the control: what lies in ordinary memory is not seen there"; fi
    grep -q LOOSE "$world/look.log" || fail "the control: nothing was found"
    look "$world"/secret-* || fail "a key's memory: $(cat "$world/look.log")"
  else
    look "$world/secret-passphrase" || fail "the PIN's memory with the keys of $id: $(cat "$world/look.log")"
  fi
  for picture in "$world/originals/$id-"*; do
    head -c 30000 "$picture" | tail -c 48 > "$world/piece"
    set +e
    look "$world/piece"
    [ $? -eq 2 ] || fail "a sealed picture is still in memory: $(cat "$world/look.log")"
    set -e
  done
  # shellcheck disable=SC2010  # the links' targets are wanted
  if ls -l "/proc/$watch/fd" | grep -q 'jpg'; then fail "an original is still open"; fi
  kill $watch
  wait $watch || fail "watch ended with $?"
done
