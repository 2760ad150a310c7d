# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A private OpenSSH server on a free loopback port, run as whoever calls. Sourced by the demo and the end-to-end tests.
# start_sshd DIR: keys, configuration and log lie in DIR; sets SSHD_PORT and SSHD_PID. AuthorizedKeysFile is DIR/authorized_keys.
# stop_sshd: ends it and its sessions.

SSHD_PID='' SSHD_PORT='' RUN_SSHD_IS_HELD=''

sshd_fail() {
  echo "private sshd: $1" >&2
  [ ! -e "$2/log" ] || tail -5 "$2/log" >&2
  exit 69
}

# Quoted, since a project's path may hold spaces; in AuthorizedKeysFile a per cent sign would begin a token.
write_sshd_config() {
  cat > "$1/sshd_config" <<C
ListenAddress ${SSHD_ADDRESS:-127.0.0.1}:$2
HostKey "$1/host_key"
PidFile "$1/pid"
AuthorizedKeysFile "$(printf '%s\n' "$1" | sed 's/%/%%/g')/authorized_keys"
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
DisableForwarding yes
PermitTTY no
MaxStartups 100:30:200
LogLevel VERBOSE
C
}

# As root sshd wants /run/sshd. A mount namespace of its own gives it one without touching the machine's /run; a chroot, or a container without CAP_SYS_ADMIN, gives no
# namespace: there the directory itself is made. Its mode, which no system's own has, says that it is ours, and a lock how many use it: the last one removes it.
own_run_is_possible() {
  case $1 in /run/*) return 1 ;; esac  # what it serves would be out of sight
  unshare -m mount -t tmpfs tmpfs /run 2> /dev/null
}
hold_run_sshd() {
  [ -z "$RUN_SSHD_IS_HELD" ] || return 0
  while :; do
    mkdir -m 700 /run/sshd 2> "$1/mkdir" || [ -d /run/sshd ] ||
      sshd_fail "as root sshd needs the directory /run/sshd, which is missing, and $(cat "$1/mkdir"): make it, or call this as an ordinary user" "$1"
    { command exec 7< /run/sshd; } 2> /dev/null || continue
    flock -s 7
    # shellcheck disable=SC3013  # dash and bash know -ef
    if [ /run/sshd -ef /proc/self/fd/7 ]; then break; fi  # the last one to use it removed it meanwhile
  done
  RUN_SSHD_IS_HELD=yes
  [ "$(stat -c %a /run/sshd)" != 700 ] || echo "private sshd: made /run/sshd, which sshd wants where root calls it; it goes at the end" >&2
}
let_go_of_run_sshd() {
  [ -n "$RUN_SSHD_IS_HELD" ] || return 0
  if [ "$(stat -c %a /run/sshd 2> /dev/null)" = 700 ] && flock -n -x 7; then rmdir /run/sshd; fi
  exec 7<&-
  RUN_SSHD_IS_HELD=''
}

launch_sshd() {
  if [ "$(id -u)" -eq 0 ] && [ ! -d /run/sshd ] && own_run_is_possible "$1"; then
    # shellcheck disable=SC2016  # $1 is the inner shell's
    unshare -m sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -f "$1/sshd_config" -E "$1/log"' sh "$1" &
  else
    [ "$(id -u)" -ne 0 ] || hold_run_sshd "$1"
    /usr/sbin/sshd -D -f "$1/sshd_config" -E "$1/log" &
  fi
  SSHD_PID=$!
}

# A TCP connect is no readiness: our own pid must have written the pid file, which sshd does once it listens.
sshd_is_ready() {
  tries=0
  while [ $tries -lt 100 ]; do
    [ "$(cat "$1/pid" 2>/dev/null)" = "$SSHD_PID" ] && return 0
    kill -0 "$SSHD_PID" 2>/dev/null || return 1
    sleep 0.05
    tries=$((tries + 1))
  done
  return 1
}

# What it said since its log had LINES lines: 'Address already in use' is the one reason to try another port.
sshd_words() { tail -n "+$(($2 + 1))" "$1/log" 2> /dev/null; }

start_sshd() {
  mkdir -p "$1"
  [ -e "$1/host_key" ] || ssh-keygen -q -t ecdsa -b 256 -N '' -C '' -f "$1/host_key"
  touch "$1/authorized_keys" "$1/log"
  attempt=0
  while [ $attempt -lt 20 ]; do
    SSHD_PORT=${2:-$(shuf -i 20000-59999 -n 1)}
    rm -f "$1/pid"
    write_sshd_config "$1" "$SSHD_PORT"
    /usr/sbin/sshd -t -f "$1/sshd_config" 2> "$1/check" || grep -q 'privilege separation' "$1/check" || sshd_fail "$(cat "$1/check")" "$1"
    before=$(wc -l < "$1/log")
    launch_sshd "$1"
    sshd_is_ready "$1" && return 0
    kill "$SSHD_PID" 2>/dev/null || true
    wait "$SSHD_PID" 2>/dev/null || true
    SSHD_PID=''
    sshd_words "$1" "$before" | grep -q 'Address already in use' || sshd_fail "it does not start" "$1"
    attempt=$((attempt + 1))
  done
  sshd_fail "no free port in 20 tries" "$1"
}

stop_sshd() {
  if [ -n "$SSHD_PID" ]; then
    pkill -P "$SSHD_PID" 2>/dev/null || true
    kill "$SSHD_PID" 2>/dev/null || true
    wait "$SSHD_PID" 2>/dev/null || true
    SSHD_PID=''
  fi
  let_go_of_run_sshd
}
