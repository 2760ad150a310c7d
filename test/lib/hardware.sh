# shellcheck shell=sh disable=SC2154,SC2034
# (world, server, evidence, custodian and passphrase are world.sh's)
# SPDX-License-Identifier: Apache-2.0
# A TPM (swtpm) and a PKCS#11 token (SoftHSM) for one test, each of its own below $world. Sourced after world.sh.
swtpm_dir=$world/tpm
tcti="swtpm:path=$swtpm_dir/socket"
SWTPM_PID=''

tpm_is_there() { [ -S "$swtpm_dir/socket" ] && [ -S "$swtpm_dir/socket.ctrl" ]; }
# start_tpm: the same TPM as before, if there was one; one client at a time, as a device without a resource manager.
start_tpm() {
  mkdir -p "$swtpm_dir/state"
  rm -f "$swtpm_dir/socket" "$swtpm_dir/socket.ctrl"
  swtpm socket --tpm2 --tpmstate "dir=$swtpm_dir/state" --server "type=unixio,path=$swtpm_dir/socket" \
    --ctrl "type=unixio,path=$swtpm_dir/socket.ctrl" --flags not-need-init,startup-clear > "$world/swtpm.log" 2>&1 &
  SWTPM_PID=$!
  wait_until 10 "swtpm does not start" tpm_is_there
}

stop_tpm() {
  [ -n "$SWTPM_PID" ] || return 0
  kill "$SWTPM_PID" 2> /dev/null || true
  wait "$SWTPM_PID" 2> /dev/null || true
  SWTPM_PID=''
}
stop_helpers() { stop_tpm; }

# The tools know no TCTI from a configuration file.
export TPM2TOOLS_TCTI="$tcti" TPM2OPENSSL_TCTI="$tcti"

# make_token LABEL PIN: initialised, with that user PIN.
softhsm_module=$(find /usr/lib -name libsofthsm2.so -path '*softhsm*' | head -1)
make_token() {
  mkdir -p "$world/tokens"
  printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$world/tokens" > "$world/softhsm2.conf"
  export SOFTHSM2_CONF="$world/softhsm2.conf"
  softhsm2-util --init-token --free --label "$1" --so-pin 87654321 --pin "$2" > "$world/token.log" 2>&1
}

# configure_camera ID LINE...: the camera's upload.conf.
configure_camera() {
  config=$(camera_root "$1")/etc/shutterseal/upload.conf
  mkdir -p "$(dirname "$config")"
  shift
  printf '%s\n' "$@" > "$config"
  chmod 644 "$config"
}

# refused STATUS PATTERN [PASSPHRASE-FILE]: `run` of camera 101, which has two pictures, says one line and loses neither.
refused() {
  expect "$1" "$2" shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "${3:-$passphrase}"
  [ "$(wc -l < "$world/said")" -eq 1 ] || fail "more than one line: $(cat "$world/said")"
  [ "$(find "$(capture 101)" -type f -name '*.jpg' | wc -l) $(waiting 101)" = "2 0" ] || fail "'$2' cost a picture"
}

# The picture of the newest envelope, by stock openssl alone: outer signature, decryption, inner signature, with the authority as the only trust.
stock_openssl_opens() {
  one=$(find "$evidence" -name '*.p7m' -path "*cam-$1*" | sort | tail -1)
  certificate=$(find "$server/etc/shutterseal/cameras/cam-$1/signing" -name '*.pem')
  openssl cms -verify -binary -inform DER -in "$one" -CAfile "$custodian/authority.pem" -certfile "$certificate" -out "$world/middle" 2> "$world/outer.log"
  openssl cms -decrypt -binary -inform DER -in "$world/middle" -recip "$custodian/custodian.pem" -inkey "$custodian/custodian.key" \
    -passin "file:$passphrase" -out "$world/inner"
  openssl cms -verify -binary -inform DER -in "$world/inner" -CAfile "$custodian/authority.pem" -cades -out "$world/picture" 2> "$world/inner.log"
}
