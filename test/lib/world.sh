# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A small world for one end-to-end test: a private sshd, a server root, cameras. Sourced; the test is given BUILD as $1.
# Everything lies in $world, which is removed at the end unless the test failed and KEEP is set.
set -eu
project=$(CDPATH='' cd "$(dirname "$0")/../.." && pwd)
build=$(CDPATH='' cd "$1" && pwd)
# The build without a sanitizer: where one cannot serve, and where fetched packages lie.
plain=${build%/asan}
# shellcheck disable=SC2034  # the tests use it
plain=${plain%/tsan}
PATH=$build/bin:$PATH
export PATH
# shellcheck source=test/lib/needs.sh
. "$project/test/lib/needs.sh"
# shellcheck source=test/lib/private-sshd.sh
. "$project/test/lib/private-sshd.sh"

world=$(mktemp -d)
server=$world/server
evidence=$server/var/lib/shutterseal/evidence
# shellcheck disable=SC2034  # the tests use it
quarantine=$server/var/lib/shutterseal/quarantine
custodian=$world/custodian
passphrase=$world/passphrase
INGESTD_PID=''

finish() {
  status=$?
  set +e
  [ -z "$INGESTD_PID" ] || kill "$INGESTD_PID" 2>/dev/null
  [ -z "$INGESTD_PID" ] || wait "$INGESTD_PID" 2>/dev/null
  stop_sshd
  if command -v stop_machine > /dev/null; then stop_machine; fi
  if command -v stop_helpers > /dev/null; then stop_helpers; fi
  if [ $status -ne 0 ] && [ $status -ne 99 ]; then
    for log in "$world"/*.log; do [ ! -s "$log" ] || { echo "== $log"; tail -15 "$log"; }; done
  fi
  # What is mounted below (as root, in a namespace of the test's own) goes first: rm must never walk into it.
  awk -v below="$world/" 'index($2 "/", below) == 1 { print $2 }' /proc/self/mounts | sort -r | xargs -r umount -l
  [ -n "${KEEP:-}" ] || { chmod -R u+rwx "$world"; rm -rf --one-file-system "$world"; }
  exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $1" >&2
  exit 1
}

# LD_PRELOAD for a program under test: a sanitizer's runtime must come first, or it ends the program or sees none of its calls. The list knows no quoting: a library
# below a folder with a space in its name is copied.
preload_of() {
  all=${SANITIZER_RUNTIME:-}
  for library; do
    case $library in *[\ :]*) cp "$library" "$world/" && library=$world/${library##*/} ;; esac
    all=${all:+$all:}$library
  done
  echo "$all"
}

# The search for leaks is a ptrace of its own, and ends a program that is traced already.
strace() { ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" command strace "$@"; }
# What libcurl and libssh2 forget of a line that is cut (in key exchange 1.5 KB, libcrypto's by the look of it; else some 60 octets) is no finding of ours.
excuse_cut_lines() { export LSAN_OPTIONS="suppressions=$project/test/lib/cut-lines.supp:print_suppressions=0"; }

# expect STATUS PATTERN COMMAND...: the exit code, and one line on stderr or stdout that has PATTERN.
expect() {
  wanted=$1 pattern=$2
  shift 2
  set +e
  "$@" > "$world/said" 2>&1 < /dev/null
  got=$?
  set -e
  [ $got -eq "$wanted" ] || { cat "$world/said"; fail "'$*' gave $got, not $wanted"; }
  grep -q -- "$pattern" "$world/said" || { cat "$world/said"; fail "'$*' did not say '$pattern'"; }
}

# wait_until SECONDS WHAT COMMAND...: a generous cap, not a measure.
wait_until() {
  left=$(($1 * 20)) what=$2
  shift 2
  until "$@"; do
    left=$((left - 1))
    [ $left -gt 0 ] || fail "$what"
    sleep 0.05
  done
}

make_server() {
  (umask 077 && openssl rand -hex 16 > "$passphrase")
  start_sshd "$world/sshd"
  shutterseal keys "$custodian" --passphrase-file "$passphrase" > "$world/keys.log" 2>&1
  shutterseal init --root "$server" --authority "$custodian/authority.pem" --custodian "$custodian/custodian.pem" \
    --url "sftp://$(id -un)@127.0.0.1:$SSHD_PORT/" --host-key "$world/sshd/host_key.pub" > "$world/init.log" 2>&1
  authority=$(openssl x509 -in "$custodian/authority.pem" -outform DER | sha256sum | cut -d' ' -f1)
}

camera_root() { echo "$world/camera-$1"; }
spool() { echo "$world/camera-$1/var/lib/shutterseal-upload/spool"; }
capture() { echo "$world/camera-$1/var/lib/motion"; }

make_camera() {
  root=$(camera_root "$1")
  shutterseal-upload enrol --root "$root" --camera "$1" --passphrase-file "$passphrase" > "$world/enrol-$1.log" 2>&1
  shutterseal camera add "$1" --root "$server" --request "$root/var/lib/shutterseal-upload/keys/request.pem" \
    --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$root/bundle.p7m" > "$world/add-$1.log" 2>&1
  shutterseal-upload accept "$root/bundle.p7m" --root "$root" --passphrase-file "$passphrase" --authority "$authority" > "$world/accept-$1.log" 2>&1
  cat "$server/etc/shutterseal/cameras/cam-$1/authorized_keys" >> "$world/sshd/authorized_keys"
  mkdir -p "$(capture "$1")"
}

# A JPEG-shaped file of SIZE octets with random content, old enough to count as finished.
make_jpeg() {
  { printf '\377\330\377\340'; head -c "$(($2 - 6))" /dev/urandom; printf '\377\331'; } > "$1"
  touch -d '10 seconds ago' "$1"
}

# take_pictures ID COUNT [SIZE]: into the capture directory, the originals kept in $world/originals.
take_pictures() {
  mkdir -p "$world/originals"
  n=0
  while [ $n -lt "$2" ]; do
    shot=$(capture "$1")/shot-$n-$(date +%s%N).jpg
    make_jpeg "$world/shot" "${3:-20000}"
    cp -p "$world/shot" "$world/originals/$1-$(basename "$shot")"
    mv "$world/shot" "$shot"
    n=$((n + 1))
  done
}

upload() { shutterseal-upload run --root "$(camera_root "$1")" --passphrase-file "$passphrase"; }
start_ingestd() {
  shutterseal-ingestd --root "$server" --foreground 2>> "$world/ingestd.log" &
  INGESTD_PID=$!
}
stop_ingestd() {
  kill "$INGESTD_PID"
  wait "$INGESTD_PID" || fail "the ingest daemon ended with status $?"
  INGESTD_PID=''
}
ingest_once() { shutterseal-ingestd --root "$server" --foreground --once 2>> "$world/ingestd.log"; }

envelopes() { find "$1" -name '*.p7m' -path '*/cam-*' -type f | wc -l; }
waiting() { find "$(spool "$1")" -maxdepth 1 -name '*.p7m' | wc -l; }
has_drained() { [ "$(waiting "$1")" -eq 0 ]; }
digests() { find "$1" -type f -exec sha256sum {} + | cut -d' ' -f1 | sort; }

# Every original opens again from evidence, once, byte-identical; events are left aside.
all_pictures_are_evidence() {
  rm -rf "$world/opened"
  find "$evidence" -name '*.p7m' | sort > "$world/list"
  # shellcheck disable=SC2046
  shutterseal open --root "$server" --key "$custodian/custodian.key" --passphrase-file "$passphrase" \
    --out "$world/opened" $(cat "$world/list") > "$world/open.log" 2>&1 || fail "open refused an envelope of the evidence"
  find "$world/opened" -name '*.txt' -delete  # events
  [ "$(digests "$world/originals")" = "$(digests "$world/opened")" ] || fail "opened pictures are not the originals"
}
