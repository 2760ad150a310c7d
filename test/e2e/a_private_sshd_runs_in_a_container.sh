#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Demo and tests as root where no namespace is to be had (a container without CAP_SYS_ADMIN) and /run/sshd is missing: it is made, with others' beside it, serves until
# the last of them ends, and is gone then. Where it cannot be made the message says so, and not that no port is free.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
enter_namespace "$@"
mount --make-rprivate /
cover /run -t tmpfs tmpfs
ssh-keygen -q -t ed25519 -N '' -f "$world/key"
cat > "$world/serve" <<'S'
set -eu
. "$1/test/lib/private-sshd.sh"
start_sshd "$2"
cat "$3.pub" >> "$2/authorized_keys"
echo "$SSHD_PORT" > "$2/port"
until [ -e "$2/stop" ]; do sleep 0.05; done
stop_sshd
S
in_container() { setpriv --bounding-set=-sys_admin "$@"; }
serve() { in_container sh "$world/serve" "$project" "$world/$1" "$world/key" > "$world/$1.log" 2>&1 & }
logs_in() {
  ssh -q -i "$world/key" -p "$(cat "$world/$1/port")" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null 127.0.0.1 true
}
serve first
first=$!
serve second
second=$!
for one in first second; do
  wait_until 20 "$one: no sshd: $(cat "$world/$one.log")" test -s "$world/$one/port"
  logs_in $one || fail "$one: no login"
done
grep -q 'made /run/sshd' "$world/first.log" || fail "that /run/sshd was made is not said"
touch "$world/first/stop"
wait $first || fail "the first ends badly: $(cat "$world/first.log")"
logs_in second || fail "the first one's end took /run/sshd from the second"
touch "$world/second/stop"
wait $second || fail "the second ends badly"
[ ! -e /run/sshd ] || fail "/run/sshd is left behind"
# A system's own is left alone.
mkdir -m 755 /run/sshd
serve third
third=$!
wait_until 20 "no sshd with a system's /run/sshd" test -s "$world/third/port"
touch "$world/third/stop"
wait $third || fail "the third ends badly"
[ -d /run/sshd ] || fail "a system's own /run/sshd was removed"
rmdir /run/sshd

mount -o remount,ro /run
expect 69 'sshd needs the directory /run/sshd, which is missing, and .*[Rr]ead-only' in_container sh "$world/serve" "$project" "$world/none" "$world/key"
