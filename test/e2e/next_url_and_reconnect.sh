#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first URL answers nobody: the second is taken. sshd goes away under watch and comes back: what was taken meanwhile arrives.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
sed -i "s,^url = .*,url = sftp://127.0.0.1:1/\n&," "$server/etc/shutterseal/server.conf"
make_camera 101
take_pictures 101 2
start_ingestd
upload 101
[ "$(envelopes "$evidence")" -eq 2 ] || fail "the second URL was not tried"
port=$SSHD_PORT
shutterseal-upload watch --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
watch=$!
take_pictures 101 1
arrived() {
  tries=0
  while [ "$(envelopes "$evidence")" -lt "$1" ] || [ "$(waiting 101)" -gt 0 ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "$2"
    sleep 0.1
  done
}
arrived 3 "watch did not send the third"
stop_sshd
take_pictures 101 2
tries=0
until [ "$(waiting 101)" -eq 2 ]; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || fail "watch does not seal while the line is down"
  sleep 0.1
done
start_sshd "$world/sshd" "$port"
arrived 5 "watch did not find the server again"
kill $watch
wait $watch || fail "watch did not end with 0"
all_pictures_are_evidence
