#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGTERM while the line is silent in the middle of a login, while no name server answers, and while the token that logs in hangs: watch ends each time and the picture
# is kept. A token that hangs without a signal ends watch with an error, so that its service starts it anew.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
# shellcheck source=test/lib/hardware.sh
. "$project/test/lib/hardware.sh"
make_world_behind_proxy
excuse_cut_lines
start_ingestd
take_pictures 101 1 3000
order_next record
upload 101
is_settled 101 1 || fail "the recorded pass stores nothing"
conf=$(camera_root 101)/etc/shutterseal/upload.conf
mkdir -p "$(dirname "$conf")"
echo 'total-timeout = 1h' > "$conf"
# start_watch ID [NAME=VALUE...]
start_watch() {
  camera=$1
  shift
  env "$@" shutterseal-upload watch --root "$(camera_root "$camera")" --passphrase-file "$passphrase" > "$world/watch.log" 2>&1 &
  watch=$!
  HELPERS="$HELPERS $watch"
}
has_ended() { ! kill -0 "$watch" 2> /dev/null; }
# ends_within SECONDS STATUS WHAT
ends_within() {
  wait_until "$1" "$3: watch goes on for more than $1 s" has_ended
  status=0
  wait "$watch" || status=$?
  [ $status -eq "$2" ] || { cat "$world/watch.log"; fail "$3: watch ends with $status, not $2"; }
  [ "$(waiting "$camera")" -eq 1 ] || fail "$3: $(waiting "$camera") envelopes wait, not one"
}

# Silent from the request to log in on: libcurl 8.14.1 asks nobody for a minute.
login=$(awk '/^step/ && $2 > 1800 { print $2; exit }' "$world/proxy.steps")
next=$(awk -v after="$login" '/^step/ && $2 > after { print $2; exit }' "$world/proxy.steps")
for step in $login $next; do
  take_pictures 101 1 3000
  before=$(faults)
  order_next silent "$step"
  start_watch 101
  fired() { [ "$(faults)" -gt "$before" ]; }
  wait_until 30 "no silence after $step octets" fired
  kill "$watch"
  ends_within 20 0 "silent after $step octets"
  order_next pass
  upload 101
done
is_settled 101 3 || fail "the pictures of silent lines are not stored"

# No name server answers.
sed -i "s,@127.0.0.1:,@drop.test:," "$server/etc/shutterseal/server.conf"
make_camera 103
send_through "$(cat "$world/proxy.port")"
take_pictures 103 1 3000
start_watch 103 NOTE="$world/asked" LD_PRELOAD="$(preload_of "$build/fault/deaf_resolver.so")"
wait_until 30 "no name is looked up" test -e "$world/asked"
kill "$watch"
ends_within 20 0 "no name server answers"

# Its token hangs: at the login, and for good. First without a signal, then with one.
export REAL_PKCS11="$softhsm_module" TOKEN_HANGS="$world/token-goes-on"
touch "$TOKEN_HANGS"
make_token cam "$(cat "$passphrase")"
configure_camera 102 "ssh-key = pkcs11:token=cam;object=ssh" "pkcs11-module = $build/fault/locking_token.so" 'connect-timeout = 2s'
make_camera 102
rm "$TOKEN_HANGS"
take_pictures 102 1 3000
start_watch 102
ends_within 60 75 "the token hangs"
grep -q 'does not come back' "$world/watch.log" || { cat "$world/watch.log"; fail "why watch ends is not said"; }
logins() { grep -c connection "$world/proxy.steps"; }
before=$(logins)
start_watch 102
tried() { [ "$(logins)" -gt "$before" ]; }
wait_until 30 "no login is tried" tried
kill "$watch"
ends_within 40 0 "told to stop while the token hangs"
touch "$TOKEN_HANGS"
upload 102
[ "$(waiting 102)" -eq 0 ] || fail "with a token that answers again the picture does not arrive"
