#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A machine with the shipped sshd, PAM, fail2ban and nftables: a stranger is banned and the ban can be lifted; an address that active cameras
# share with a stranger is not banned; IPv6 is banned by /64; an administrator elsewhere is unharmed; refused parcels suspend the one camera.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_machine
make_tls
printf '[shutterseal-%s]\nenabled = true\n\n' pam sshd ftp parcels > "$root/etc/fail2ban/jail.local"
# Here every address is the machine's own; on a real server the defaults keep an administrator on the host itself from being banned.
printf '[DEFAULT]\nignoreself = false\nignoreip =\n' >> "$root/etc/fail2ban/jail.local"
# The distribution's own jail is for the distribution's own sshd.
rm -f "$root/etc/fail2ban/jail.d/defaults-debian.conf"
boot_machine
in_machine ip address add 2001:db8:1:2::7/64 dev lo nodad
in_machine ip address add 2001:db8:1:2::8/64 dev lo nodad
in_machine ip address add 2001:db8:1:3::7/64 dev lo nodad
# shellcheck disable=SC2119
set_up_server
in_machine systemctl start shutterseal-sshd.service shutterseal-ftp.service shutterseal-ingestd.service
enrol_in_machine 101 102 103
in_machine systemctl start fail2ban.service
until_inside "fail2ban does not start" fail2ban-client ping
for jail in pam sshd ftp parcels; do until_inside "the jail $jail is not there" fail2ban-client status shutterseal-$jail; done
ssh-keygen -q -t ecdsa -b 256 -N '' -f "$root/opt/test/stranger"

banned() { in_machine fail2ban-client get "shutterseal-$1" banip | tr ' ' '\n' | grep -qx "$2"; }
try_login() { if ssh_from "$1" /opt/test/stranger "$2" true; then fail "a stranger is let in as $2"; fi; }
in_set() { in_machine nft list set inet "shutterseal-$1" "$2" 2> /dev/null | grep -q "$3"; }

# Camera 101 logs in from 127.0.0.1, which is from now on the fleet's.
picture_in_machine 101 1
upload_in_machine 101 || { in_machine journalctl --no-pager -n 30; fail "the upload"; }
expect 0 '^101$' in_machine shutterseal camera seen-at 127.0.0.1

# A stranger, from an address without cameras: names that do not exist, a camera's name with another key. Three failures, and the next
# connection is refused.
try_login 127.0.0.66 admin
try_login 127.0.0.66 cam-999
try_login 127.0.0.66 cam-101
failed=$(date +%s%3N)
tries=0
until in_set sshd banned4 127.0.0.66; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || { in_machine tail -30 /var/log/fail2ban.log; in_machine journalctl --no-pager -n 30; fail "the stranger is not banned"; }
  sleep 0.05
done
echo "banned $(($(date +%s%3N) - failed)) ms after the last failure"
expect 255 'Connection refused' in_machine ssh -b 127.0.0.66 -o ConnectTimeout=5 -o StrictHostKeyChecking=no -o BatchMode=yes -p 2022 admin@127.0.0.1 true

# The fleet goes on, and a stranger behind the same address as camera 101 is answered like everybody, and never banned.
for name in admin root cam-999 oracle test; do try_login 127.0.0.1 $name; done
picture_in_machine 101 2
upload_in_machine 101
picture_in_machine 102 1
upload_in_machine 102
[ "$(stored_in_machine 101)$(stored_in_machine 102)" = 21 ] || fail "a camera was harmed: $(stored_in_machine 101) and $(stored_in_machine 102)"
# fail2ban has read beyond those failures once it has banned the next stranger, who came later.
for name in a b c; do try_login 127.0.0.67 $name; done
until_inside "the second stranger is not banned" sh -c 'nft list set inet shutterseal-sshd banned4 | grep -q 127.0.0.67'
if banned sshd 127.0.0.1 || in_set sshd banned4 '127.0.0.1[ ,]'; then fail "the fleet's address is banned"; fi

# A ban can be lifted.
in_machine fail2ban-client set shutterseal-sshd unbanip 127.0.0.66 > "$world/unban"
if in_set sshd banned4 127.0.0.66; then fail "the ban is not lifted"; fi
try_login 127.0.0.66 admin
in_machine ssh -b 127.0.0.66 -o ConnectTimeout=5 -o StrictHostKeyChecking=no -o BatchMode=yes -p 2022 admin@127.0.0.1 true > "$world/said" 2>&1 || true
grep -q 'Permission denied' "$world/said" || { cat "$world/said"; fail "after the ban the door stays shut"; }

# IPv6: the whole /64, and no more.
SSH_HOST=2001:db8:1:3::7
for name in a b c; do try_login 2001:db8:1:2::7 $name; done
until_inside "the IPv6 stranger is not banned" sh -c 'nft list set inet shutterseal-sshd banned6 | grep -q 2001:db8:1:2::/64'
expect 255 'Connection refused' in_machine ssh -6 -b 2001:db8:1:2::8 -o ConnectTimeout=5 -o StrictHostKeyChecking=no -o BatchMode=yes -p 2022 admin@2001:db8:1:3::7 true
in_machine ssh -6 -b 2001:db8:1:3::7 -o ConnectTimeout=5 -o StrictHostKeyChecking=no -o BatchMode=yes -p 2022 admin@2001:db8:1:3::7 true > "$world/said" 2>&1 || true
grep -q 'Permission denied' "$world/said" || { cat "$world/said"; fail "another /64 is banned, too"; }
SSH_HOST=127.0.0.1

# A stolen camera: its key is good, and PAM says no. Its address is banned by what PAM says.
in_machine sed -i 's/^state = .*/state = revoked/' /etc/shutterseal/cameras/cam-103/camera.conf
for _ in 1 2 3; do if ssh_from 127.0.0.88 /opt/test/stolen-103 cam-103 true; then fail "a revoked camera is let in"; fi; done
until_inside "the stolen camera's address is not banned" sh -c 'nft list set inet shutterseal-pam banned4 | grep -q 127.0.0.88'

# The same over FTPS: a camera's name with a wrong password, seen by PAM; a name that is nobody's, seen by ProFTPD alone.
ftp_from() { in_machine curl -s --interface "$1" --ssl-reqd --cacert /opt/test/tls/tls-ca.pem -u "$2:wrong" ftp://127.0.0.1/ > "$world/curl" 2>&1 || true; }
for _ in 1 2 3; do ftp_from 127.0.0.71 cam-101; done
until_inside "a guesser of FTP passwords is not banned" sh -c 'nft list set inet shutterseal-pam banned4 | grep -q 127.0.0.71'
for name in admin www test; do ftp_from 127.0.0.72 $name; done
until_inside "a guesser of FTP names is not banned" sh -c 'nft list set inet shutterseal-ftp banned4 | grep -q 127.0.0.72'
# Words in the journal that are not the daemons' own ban and suspend nobody: anybody with a shell can write them.
logger_as_anybody() { in_machine setpriv --reuid 65534 --regid 65534 --clear-groups logger "$@"; }
for _ in 1 2 3 4 5 6; do
  logger_as_anybody -t shutterseal-ingestd 'refused camera=101 verdict=bad-signature file="1-1-00000000000000aa.parcel"'
  logger_as_anybody -t shutterseal-sshd 'Invalid user admin from 127.0.0.73 port 1'
  logger_as_anybody -t shutterseal-sshd 'pam_shutterseal(shutterseal-sshd:account): denied reason=revoked rhost=127.0.0.73 user="cam-101"'
done

# What an account does after it logged in suspends that camera and bans no address.
i=0
while [ $i -lt 5 ]; do
  i=$((i + 1))
  head -c 2000 /dev/urandom > "$root/opt/test/rubbish"
  printf 'put /opt/test/rubbish incoming/.%d-%d-00000000000000a%d.parcel.part\nrename -l incoming/.%d-%d-00000000000000a%d.parcel.part incoming/%d-%d-00000000000000a%d.parcel\n' $i $i $i $i $i $i $i $i $i > "$root/opt/test/batch"
  in_machine sftp -q -b /opt/test/batch -i /opt/test/stolen-102 -P 2022 -o StrictHostKeyChecking=no -o BatchMode=yes cam-102@127.0.0.1 > "$world/sftp.log" 2>&1 || { cat "$world/sftp.log"; fail "the stolen key of 102 cannot put"; }
done
until_inside "camera 102 is not suspended" grep -q 'state = suspended' /etc/shutterseal/cameras/cam-102/camera.conf
grep -q 'reason = fail2ban: [0-9]* refused parcels' "$root/etc/shutterseal/cameras/cam-102/camera.conf" || fail "the reason is not said"
if ssh_from 127.0.0.1 /opt/test/stolen-102 cam-102 true; then fail "a suspended camera is let in"; fi
picture_in_machine 101 3
upload_in_machine 101
[ "$(stored_in_machine 101)" -eq 3 ] || {
  in_machine journalctl --no-pager -n 40
  in_machine shutterseal-upload status --root /opt/test/camera-101
  fail "camera 101 was harmed: $(stored_in_machine 101) of 3 are stored"
}
# By now fail2ban has read what stood before: the forged words had their chance.
grep -q 'state = active' "$root/etc/shutterseal/cameras/cam-101/camera.conf" || fail "logger(1) suspends a camera"
for jail in sshd pam; do if in_set $jail banned4 127.0.0.73; then fail "logger(1) bans an address"; fi; done
# Failed logins never suspend a camera.
for _ in 1 2 3 4 5 6; do try_login 127.0.0.1 cam-101; done
grep -q 'state = active' "$root/etc/shutterseal/cameras/cam-101/camera.conf" || fail "failed logins suspended a camera"
# A name longer than any is a failure like another.
for _ in 1 2 3; do in_machine curl -s --interface 127.0.0.74 --ssl-reqd --cacert /opt/test/tls/tls-ca.pem -u "$(head -c 900 /dev/zero | tr '\0' A):x" ftp://127.0.0.1/ > "$world/curl" 2>&1 || true; done
until_inside "a guesser of long names is not banned" sh -c 'nft list set inet shutterseal-ftp banned4 | grep -q 127.0.0.74'
# A doctor with a camera's key is not banned by its own questions.
in_machine shutterseal doctor sftp://127.0.0.1:2022/ --camera 101 --key /opt/test/stolen-101 > "$world/doctor" || { cat "$world/doctor"; fail "the doctor finds a good server wrong"; }
# The doctor sees the same from outside, at the price of one address.
expect 0 'ban .* holds .*banned after' in_machine shutterseal doctor sftp://127.0.0.1:2022/ --ban-test 127.0.0.99
in_machine fail2ban-client stop > "$world/stop"
if in_machine nft list tables | grep -q shutterseal; then fail "the table outlives fail2ban"; fi
