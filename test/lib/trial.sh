# shellcheck shell=sh disable=SC2154
# (world, project, passphrase and SSHD_PORT are world.sh's)
# SPDX-License-Identifier: Apache-2.0
# What the trials of network, clock and state share. Sourced after world.sh.

# Helpers that a trial starts are named here, so that they end with it: HELPERS="$HELPERS $!"
HELPERS=''
stop_helpers() {
  # shellcheck disable=SC2086
  [ -z "$HELPERS" ] || kill -KILL $HELPERS 2> /dev/null
}
end_helper() {
  kill "$1"
  wait "$1" 2> /dev/null || true
}

# A camera's keys with one round instead of 600,000: a trial opens them some hundred times. Their protection is no part of it.
quicken_keys() {
  for key in signing ssh; do
    file=$(camera_root "$1")/var/lib/shutterseal-upload/keys/$key.key
    (umask 077 && openssl pkcs8 -topk8 -iter 1 -in "$file" -passin "file:$passphrase" -passout "pass:$(cat "$passphrase")" -out "$file.quick" && mv "$file.quick" "$file")
  done
}

free_port() { /usr/bin/python3 -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"; }
# send_through PORT: cameras that are made from now on send there.
send_through() { sed -i "s,^url = .*,url = sftp://$(id -un)@127.0.0.1:$1/," "$server/etc/shutterseal/server.conf"; }

# start_proxy: test/fault/cutting_proxy.py before sshd; cameras that are made after it go through it. Orders: see there.
start_proxy() {
  order=$world/order
  echo pass > "$order"
  /usr/bin/python3 "$project/test/fault/cutting_proxy.py" "$SSHD_PORT" "$order" "$world/proxy.steps" > "$world/proxy.port" 2> "$world/proxy.log" &
  HELPERS="$HELPERS $!"
  until_true "the proxy does not start" test -s "$world/proxy.port"
  send_through "$(cat "$world/proxy.port")"
}
make_world_behind_proxy() {
  make_server
  start_proxy
  make_camera 101
  quicken_keys 101
}
order_next() { echo "$*" > "$order.own" && mv "$order.own" "$order"; }
faults() { grep -c '^fired' "$world/proxy.steps" || true; }

# Waits for a command to be true, for as long as a loaded machine may need.
until_true() { wait_until 60 "$@"; }
stores() { [ "$(envelopes "$evidence")" -eq "$1" ]; }
# Nothing waits on the camera, and evidence holds exactly so many.
is_settled() { has_drained "$1" && stores "$2"; }

# set_clock SHIFT_MS|@SECONDS [RATE]: what programs of under_clock see. under_clock PROGRAM...: these run under test/fault/clock.cc from now on.
set_clock() { /usr/bin/python3 "$project/test/fault/set_clock.py" "$world/clock" "$@"; }
under_clock() {
  mkdir -p "$world/bin"
  for program; do
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nLD_PRELOAD="%s" CLOCK_FILE="%s" exec "%s" "$@"\n' "$(preload_of "$build/fault/clock.so")" "$world/clock" "$(command -v "$program")" > "$world/bin/$program"
    chmod 755 "$world/bin/$program"
  done
  PATH=$world/bin:$PATH
}
