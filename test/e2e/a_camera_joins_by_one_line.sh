#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Zero-touch enrolment over the shipped sshd: one line, pasted on the camera, and after the administrator's word it sends pictures. A token that comes
# twice, late or for another id is refused, in a line that fail2ban reads. Who has an invitation's key can add a request and fetch an answer whose
# name he knows, and nothing else.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_running_server
cp "$passphrase" "$root/opt/test/passphrase"
cp "$custodian/authority.key" "$root/opt/test/authority/"
enrol=$root/srv/shutterseal/drop/enrol
invite() { in_machine shutterseal camera invite "$@" > "$world/invited" && cat "$world/invited"; }
approve() { in_machine shutterseal camera approve --invited --authority-key /opt/test/authority/authority.key --passphrase-file /opt/test/passphrase; }
# join ROOT LINE [OPTION...]: on a camera whose files lie in /opt/test/ROOT.
join() {
  printf '%s\n' "$2" > "$root/opt/test/line"
  chmod 600 "$root/opt/test/line"
  where=/opt/test/$1
  shift 2
  in_machine shutterseal-upload join /opt/test/line --root "$where" --passphrase-file /opt/test/passphrase "$@"
}
requests() { find "$enrol/incoming" -type f ! -name '.*' | wc -l; }

line=$(invite 101)
token=$(echo "$line" | cut -d' ' -f3)
[ ${#token} -eq 40 ] || fail "the token has ${#token} digits"
if grep -rq "$token" "$root/etc/shutterseal"; then fail "the server keeps the token"; fi
expect 75 'waits for its administrator' join camera-101 "$line"
expect 75 'waits for its administrator' join camera-101 "$line"
[ "$(requests)" -eq 1 ] || fail "$(requests) requests"
[ "$(in_machine sh -c "stat -c '%U %a' /srv/shutterseal/drop/enrol/incoming/*")" = 'shutterseal-enrol 200' ] || fail "the request can be read again"
expect 0 '^101 ' in_machine shutterseal camera approve --invited
expect 0 'enrolled camera=101' approve
[ "$(requests)" -eq 0 ] || fail "the request is still there"
expect 0 'camera 101 is enrolled, bundle 1' join camera-101 "$line" --wait 1m
expect 0 'is enrolled already' join camera-101 "$line"
mkdir -p "$root/opt/test/camera-101/var/lib/motion" "$root/opt/test/camera-101/etc/shutterseal"
echo 'heartbeat = 0' > "$root/opt/test/camera-101/etc/shutterseal/upload.conf"
picture_in_machine 101 1
upload_in_machine 101
[ "$(stored_in_machine 101)" -eq 1 ] || fail "the picture is not stored"

# Twice, by another's keys; for another id; late; by a token of nobody.
expect 75 'waits' join thief "$line"
approve > "$world/said" 2>&1
grep -q 'invitation-refused camera=101 reason=used for="101"' "$world/said" || { cat "$world/said"; fail "a token was used twice"; }
line=$(invite 102)
expect 75 'waits' join other "$(echo "$line" | sed 's/ 102 / 103 /')"
expect 0 'invitation-refused camera=102 reason=other-id for="103"' approve
expect 75 'waits' join camera-104 "$(invite 104 --life 1h)"
sed -i 's/^until = .*/until = 2020-01-01T00:00:00Z/' "$root/etc/shutterseal/enrol/invitations/cam-104.conf"
expect 0 'invitation-refused camera=104 reason=late for="104"' approve
expect 75 'waits' join camera-105 "$(invite 105)"
expect 0 'withdrawn' in_machine shutterseal camera withdraw 105
expect 0 'invitation-refused camera=- reason=unknown-token for="105"' approve
for id in 103 104 105; do expect 67 'not enrolled' in_machine shutterseal camera show $id; done
in_machine journalctl --no-pager -t shutterseal -o short-iso > "$world/journal"
sed 's/+0000 /+00:00 /' "$world/journal" > "$world/lines"
found=$(fail2ban-regex "$world/lines" "$project/scripts/fail2ban/filter.d/shutterseal-invitations.conf" | sed -n 's/^Lines: .* \([0-9]*\) matched.*/\1/p')
[ "$found" = 3 ] || { cat "$world/lines"; fail "fail2ban finds $found of 3"; }
expect 0 'withdrawn, and the camera is suspended' in_machine shutterseal camera withdraw 101
expect 0 'suspended' in_machine shutterseal camera show 101

# Over: a withdrawn invitation does not even log in. Another server's key: nothing is sent.
line=$(invite 106)
expect 76 'host key is not among the pins' join camera-106 "$(echo "$line" | sed 's/SHA256:.*/SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/')"
expect 65 'this is no invitation' join camera-106 "$(echo "$line" | cut -c1-100)"
expect 73 'those of camera 106, the invitation is for 102' join camera-106 "$(invite 102)"
in_machine shutterseal camera withdraw 106 > "$world/withdraw.log"
expect 77 'login refused: the invitation has ended' join camera-106 "$line"
[ "$(requests)" -eq 0 ] || fail "something was sent"
expect 77 'login refused' join camera-108 "$(echo "$line" | sed 's/ 106 / 108 /')"

# The invitation's own key, in the hands of somebody with an ordinary client; a second implementation makes it of the token.
line=$(invite 107)
join camera-107 "$line" > "$world/join.log" 2>&1 || true
file=$(basename "$(find "$enrol/incoming" -type f)")
/usr/bin/python3 "$project/test/lib/invitation_key.py" "$(echo "$line" | cut -d' ' -f3)" > "$root/opt/test/guest"
chmod 600 "$root/opt/test/guest"
sftp_as() {
  printf '%s\n' "$2" | in_machine sftp -q -b - -P 2022 -i /opt/test/guest -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$1@127.0.0.1" > "$world/sftp.log" 2>&1
}
sftp_as shutterseal-enrol 'put /etc/hostname incoming/mine' || { cat "$world/sftp.log"; fail "the control: the key adds no file"; }
for what in 'ls incoming' 'ls answers' 'ls /' 'get incoming/mine /tmp/x' "get incoming/$file /tmp/x" 'rm incoming/mine' 'mkdir incoming/x' 'symlink /etc/passwd incoming/x' \
  'ln incoming/mine incoming/y' 'chmod 777 incoming/mine' 'put /etc/hostname answers/x' 'put /etc/hostname x' 'get /etc/passwd /tmp/x' 'get ../cam-101/receipts/receipt.p7m /tmp/x'; do
  if sftp_as shutterseal-enrol "$what"; then fail "an invitation lets one '$what'"; fi
done
head -c 40000 /dev/urandom > "$root/opt/test/large"
if sftp_as shutterseal-enrol 'put /opt/test/large incoming/large'; then fail "a request may be as large as it likes"; fi
for user in cam-101 root shutterseal; do if sftp_as $user 'put /etc/hostname incoming/mine'; then fail "an invitation's key logs in as $user"; fi; done
if ssh_from 127.0.0.1 /opt/test/guest shutterseal-enrol true; then fail "an invitation gives a shell"; fi
approve > "$world/said" 2>&1 || fail "rubbish beside a good request stops it"
for words in 'invitation-refused camera=- reason=malformed' 'enrolled camera=107'; do grep -q "$words" "$world/said" || { cat "$world/said"; fail "not said: $words"; }; done
expect 0 'is enrolled' join camera-107 "$line"
in_machine shutterseal server check > "$world/check" || true
if grep -q 'enrol\|sshd_config\|limits' "$world/check"; then cat "$world/check"; fail "server check finds fault"; fi
chmod 755 "$root/srv/shutterseal/drop/enrol/incoming"
sed -i 's/-u 0577/-u 0027/' "$root/etc/shutterseal/sshd_config"
in_machine shutterseal server check > "$world/check" || true
for words in 'enrol/incoming: is 0755' 'forcecommand is internal-sftp -u 0027'; do grep -q "$words" "$world/check" || { cat "$world/check"; fail "server check does not see: $words"; }; done
