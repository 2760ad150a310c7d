#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a machine with the shipped sshd: a camera is revoked while a session of it is open, another login is under way, and parcels wait. The session ends,
# no login follows, one that had passed every check ends, too, and the parcels are judged, each within a second (printed, not asserted).
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_running_server
enrol_in_machine 101
drop=$root/srv/shutterseal/drop/cam-101/incoming
conf=$root/etc/shutterseal/cameras/cam-101/camera.conf

# Had before the theft: one picture. Then two that the thief sealed wait, since the daemon is down.
picture_in_machine 101 1
upload_in_machine 101
[ "$(stored_in_machine 101)" -eq 1 ] || fail "the camera does not work"
in_machine systemctl stop shutterseal-ingestd.service
sleep 0.02
stolen_at=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
picture_in_machine 101 2
picture_in_machine 101 3
in_machine sh -c 'printf "receipt-timeout = 1s\n" > /opt/test/short.conf; exec shutterseal-upload run --config /opt/test/short.conf --root /opt/test/camera-101 --passphrase-file /opt/test/passphrase' > "$world/thief.log" 2>&1 || true
if [ -z "$(find "$drop" -name '*.parcel')" ]; then fail "no parcel waits"; fi

# His session is open, and writes.
mkfifo "$root/opt/test/pipe"
in_machine sh -c 'exec sftp -q -i /opt/test/stolen-101 -P 2022 -o StrictHostKeyChecking=no -o BatchMode=yes cam-101@127.0.0.1 < /opt/test/pipe > /opt/test/session 2>&1' &
exec 9> "$root/opt/test/pipe"
echo "put /etc/hostname incoming/.before.part" >&9
until_inside "no session" test -e /srv/shutterseal/drop/cam-101/incoming/.before.part

# Not by somebody who cannot end it.
cp "$conf" "$world/conf"
expect 77 'only root' in_machine setpriv --reuid nobody --clear-groups shutterseal camera revoke 101 --reason stolen
cmp -s "$conf" "$world/conf" || fail "a refused revocation has changed something"

# With the daemon up, and the parcels held back by a suspension that ends no session: what each took is measured inside.
sed -i 's/^state = active$/state = suspended/' "$conf"
start_services shutterseal-ingestd.service
until_inside "the drops do not wait" sh -c 'journalctl -q -u shutterseal-ingestd | grep -q "waiting camera=101 reason=suspended"'
cat > "$root/opt/test/revoke.sh" <<'S'
now() { date +%s%3N; }
began=$(now)
shutterseal camera revoke 101 --reason stolen --stolen-at "$1" || exit
echo "the command took $(($(now) - began)) ms"
until ! pgrep -U cam-101 > /dev/null; do sleep 0.01; done
echo "no session of it is left after $(($(now) - began)) ms"
ssh -q -i /opt/test/stolen-101 -p 2022 -o BatchMode=yes -o StrictHostKeyChecking=no cam-101@127.0.0.1 && exit 1
echo "a new login was refused after $(($(now) - began)) ms"
until [ -z "$(ls /srv/shutterseal/drop/cam-101/incoming)" ]; do sleep 0.01; done
echo "what waited was put aside after $(($(now) - began)) ms"
S
# What lies hidden in the way was never finished.
rm "$drop/.before.part"
in_machine timeout 60 sh /opt/test/revoke.sh "$stolen_at" || { in_machine journalctl --no-pager -n 40; fail "the revocation has no effect"; }
echo "put /etc/hostname incoming/.after.part" >&9 2> /dev/null || true
exec 9>&-
[ -z "$(ls -A "$drop")" ] || fail "the session still writes"
in_machine shutterseal find --json > "$world/found"
[ "$(grep -c '"proof":"received-before"' "$world/found")" -eq 1 ] || { cat "$world/found"; fail "the first picture is not good"; }
[ "$(grep -c '"verdict":"void-after-theft"' "$world/found")" -eq 2 ] || { cat "$world/found"; fail "the thief's are not void"; }

# Who had passed every check becomes a process of the camera's only now.
in_machine setpriv --reuid cam-101 --clear-groups sleep 600 &
late=$!
if wait $late; then fail "a late session lives"; fi
if in_machine pgrep -U cam-101 > /dev/null; then fail "a late session is left"; fi

# The key is gone, and should it come back the module refuses; both are failures that fail2ban counts.
ssh-keygen -y -f "$root/opt/test/stolen-101" > "$root/etc/shutterseal/cameras/cam-101/authorized_keys"
if ssh_from 127.0.0.1 /opt/test/stolen-101 cam-101; then fail "the module lets a revoked camera in"; fi
until_inside "the module says nothing" sh -c 'journalctl -q -t shutterseal-sshd | grep -q "denied reason=revoked rhost=127.0.0.1 user=\"cam-101\""'
for filter in shutterseal-sshd shutterseal-pam; do
  in_machine fail2ban-regex -v systemd-journal "/etc/fail2ban/filter.d/$filter.conf" > "$world/regex"
  grep -q '127.0.0.1' "$world/regex" || { cat "$world/regex"; fail "$filter does not count a revoked camera's login"; }
done
# A key that came back is seen and mended; then nothing of the camera is wrong (the jails are off here).
expect 1 'camera 101: is revoked and still has an SSH key' in_machine shutterseal server check
grep -q 'mend: shutterseal camera revoke 101 --reason stolen' "$world/said" || fail "no line mends it"
in_machine shutterseal camera revoke 101 --reason stolen > "$world/revoke"
in_machine shutterseal server check > "$world/check" 2>&1 || true
if grep -e 'cam-101' -e 'camera 101' "$world/check"; then fail "server check complains of a revoked camera"; fi
