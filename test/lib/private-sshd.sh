# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A private OpenSSH server on a free loopback port, run as whoever calls. Sourced by the demo and the end-to-end tests.
# start_sshd DIR: keys, configuration and log lie in DIR; sets SSHD_PORT and SSHD_PID. AuthorizedKeysFile is DIR/authorized_keys.
# stop_sshd: ends it and its sessions.

SSHD_PID='' SSHD_PORT=''

sshd_fail() {
  echo "private sshd: $1" >&2
  [ ! -e "$2/log" ] || tail -5 "$2/log" >&2
  exit 69
}

write_sshd_config() {
  cat > "$1/sshd_config" <<C
ListenAddress ${SSHD_ADDRESS:-127.0.0.1}:$2
HostKey $1/host_key
PidFile $1/pid
AuthorizedKeysFile $1/authorized_keys
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

# As root sshd wants /run/sshd. A mount namespace of its own gives it one without touching the machine's /run.
launch_sshd() {
  if [ "$(id -u)" -eq 0 ] && [ ! -d /run/sshd ]; then
    # shellcheck disable=SC2016  # $1 is the inner shell's
    unshare -m sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -f "$1/sshd_config" -E "$1/log"' sh "$1" &
  else
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

start_sshd() {
  mkdir -p "$1"
  [ -e "$1/host_key" ] || ssh-keygen -q -t ecdsa -b 256 -N '' -C '' -f "$1/host_key"
  touch "$1/authorized_keys"
  attempt=0
  while [ $attempt -lt 20 ]; do
    SSHD_PORT=${2:-$(shuf -i 20000-59999 -n 1)}
    rm -f "$1/pid"
    write_sshd_config "$1" "$SSHD_PORT"
    /usr/sbin/sshd -t -f "$1/sshd_config" 2> "$1/check" || grep -q 'privilege separation' "$1/check" || sshd_fail "$(cat "$1/check")" "$1"
    launch_sshd "$1"
    sshd_is_ready "$1" && return 0
    wait "$SSHD_PID" 2>/dev/null || true
    attempt=$((attempt + 1))
  done
  sshd_fail "no free port in 20 tries" "$1"
}

stop_sshd() {
  [ -n "$SSHD_PID" ] || return 0
  pkill -P "$SSHD_PID" 2>/dev/null || true
  kill "$SSHD_PID" 2>/dev/null || true
  wait "$SSHD_PID" 2>/dev/null || true
  SSHD_PID=''
}
