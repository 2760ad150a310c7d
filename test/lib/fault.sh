# shellcheck shell=sh disable=SC2154
# (world, project, server, evidence, custodian and passphrase are world.sh's)
# SPDX-License-Identifier: Apache-2.0
# For the trials of test/fault: the invariant, and the library that makes one system call fail. Sourced after world.sh.
receipts=$world/receipts
book=$world/book.json

# sample_each N: sets STEP to N (1 with ALL=1 or LONG=1), unless the caller of the test did, and OFFSET, which differs between runs.
sample_each() {
  STEP=${STEP:-$1}
  [ -z "${ALL:-}${LONG:-}" ] || STEP=1
  OFFSET=${OFFSET:-$(shuf -i "1-$STEP" -n 1)}
}

# What the camera may have read, kept where no trial reaches.
keep_receipt() {
  mkdir -p "$receipts"
  kept=$server/srv/shutterseal/drop/cam-$1/receipts/receipt.p7m
  [ -s "$kept" ] || return 0
  cat "$kept" > "$world/noted-receipt"  # cp fails when the daemon replaces it meanwhile
  mv "$world/noted-receipt" "$receipts/$(sha256sum < "$world/noted-receipt" | cut -c1-16)"
}

covered() { /usr/bin/python3 "$project/test/fault/invariant.py" covered "$server" "$receipts"; }
settled() {
  /usr/bin/python3 "$project/test/fault/invariant.py" settled "$server" "$receipts" "$(camera_root "$1")" "$world/originals" \
    "$custodian/custodian.key" "$passphrase" "$book"
}

make_faults() {
  faults=$world/faults.so
  gcc -std=gnu11 -O1 -Wall -Wextra -shared -fPIC -o "$faults" "$project/test/fault/faults.c"
}
# with_fault FAULT COMMAND...
with_fault() {
  wanted_fault=$1
  shift
  env FAULT="$wanted_fault" FAULT_LOG="$world/calls" LD_PRELOAD="$(preload_of "$faults")" "$@"
}

# ---- one pass through one program, from the same state each time ------------------------------------------------------------------------
# Two pictures wait: for the uploader in the capture directory; for the daemon as a parcel in the drop directory.
make_templates() {
  make_server
  make_camera 101
  printf 'receipt-timeout = 1s\n' > "$world/short.conf"
  printf 'free-least = 0\n' > "$server/etc/shutterseal/ingestd.conf"
  take_pictures 101 2 6000
  mkdir -p "$receipts" "$world/uploader" "$world/daemon"
  cp -a "$(camera_root 101)" "$server" "$world/uploader/"
  shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" 2> "$world/said" || true
  find "$server/srv" -name '*.parcel' | grep -q . || fail "no parcel waits"
  cp -a "$(camera_root 101)" "$server" "$world/daemon/"
}
begin_with() {
  rm -rf "$(camera_root 101)" "$server" "$receipts" "$book" "$world/calls"
  mkdir "$receipts"
  cp -a "$world/$1/." "$world/"
}

# pass uploader|daemon FAULT: what the program said is in $world/said; gives its status.
pass() {
  begin_with "$1"
  status=0
  case $1 in
    uploader)
      start_ingestd
      with_fault "$2" shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1 || status=$?
      ;;
    daemon)
      with_fault "$2" shutterseal-ingestd --root "$server" --foreground --once > "$world/said" 2>&1 || status=$?
      start_ingestd
      ;;
  esac
  keep_receipt 101
  return $status
}
# traced TRACE STRACE-OPTION... -- COMMAND...: what order.py reads.
traced() {
  trace=$1
  shift
  strace -f -y -o "$trace" -e trace=openat,write,pwrite64,ftruncate,fsync,fdatasync,syncfs,linkat,renameat,renameat2,unlink,unlinkat,mkdirat "$@"
}
in_order() { /usr/bin/python3 "$project/test/fault/order.py" "$@"; }
# run_victim uploader|daemon TRACE STRACE-OPTION...
run_victim() {
  victim=$1 file=$2
  shift 2
  case $victim in
    uploader) traced "$file" "$@" -- shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase" ;;
    daemon) traced "$file" "$@" -- shutterseal-ingestd --root "$server" --foreground --once ;;
  esac
}

# A run ends well, too, when the line is down for a moment, as it is to a machine that stands still.
drain() {
  for _ in 1 2 3; do
    upload "$1" || return 1
    ! has_drained "$1" || return 0
  done
  echo "$(waiting "$1") envelopes wait"
  return 1
}
# Without the fault, both finish what they find.
recover_and_settle() {
  drain 101 || fail "$1: the camera does not drain afterwards"
  keep_receipt 101
  stop_ingestd
  settled 101 || fail "$1: the promise is broken"
}
calls_of() {
  pass "$1" none:0 || fail "$1 fails without a fault"
  wc -l < "$world/calls"
  recover_and_settle "$1 without a fault" >&2
}
