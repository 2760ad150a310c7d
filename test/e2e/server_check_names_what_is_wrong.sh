#!/bin/sh
# shellcheck disable=SC2016
# SPDX-License-Identifier: Apache-2.0
# shutterseal server check on a machine that is as the manual says (nothing wrong), and with one thing wrong at a time: it names it, and how to
# mend it; what it says mends it. What does not run, what is not started at boot and what could not be started is wrong, too; and a fail2ban that another
# jail than ours keeps from starting.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_machine
make_tls
for jail in pam sshd parcels; do printf '[shutterseal-%s]\nenabled = true\n\n' $jail; done > "$root/etc/fail2ban/jail.local"
boot_machine
# shellcheck disable=SC2119
set_up_server
enrol_in_machine 101 102
check() { in_machine shutterseal server check "$@" > "$world/check" 2>&1; }
# A bare Debian 12 without /var/log/auth.log: the distribution's own jail keeps fail2ban, and with it all of ours, from starting.
rm -f "$root/var/log/auth.log"
printf '[sshd]\nenabled = true\n' > "$root/etc/fail2ban/jail.d/defaults-debian.conf"
in_machine systemctl start fail2ban.service 2> /dev/null || true
if check; then fail "a server on which nothing runs is right"; fi
for unit in shutterseal-sshd shutterseal-ftp shutterseal-ingestd fail2ban; do
  grep -A1 "^$unit.service: does not run" "$world/check" | grep -q "mend: systemctl start $unit.service" || { cat "$world/check"; fail "$unit does not run, and it is not said"; }
done
grep -A1 'fail2ban: cannot start: .*sshd jail' "$world/check" | grep -q 'mend: .*jail.local: \[sshd\] backend = systemd' || { cat "$world/check"; fail "what keeps fail2ban from starting is not said"; }
printf '[sshd]\nbackend = systemd\n' >> "$root/etc/fail2ban/jail.local"
in_machine systemctl enable -q shutterseal-sshd shutterseal-ftp shutterseal-ingestd fail2ban 2> "$world/enable.log" || { cat "$world/enable.log"; fail "the services cannot be enabled"; }
start_services shutterseal-sshd.service shutterseal-ftp.service shutterseal-ingestd.service fail2ban.service
until_inside "fail2ban does not answer" fail2ban-client ping
check || { cat "$world/check"; fail "a server as the manual says is called wrong"; }
grep -q '^0 wrong$' "$world/check" || fail "$(cat "$world/check")"

# wrong WORDS MEND: the check now says both; the caller puts it right again.
wrong() {
  if check; then fail "not seen: $1"; fi
  grep -q -- "$1" "$world/check" || { cat "$world/check"; fail "it does not say '$1'"; }
  grep -q -- "mend: .*$2" "$world/check" || { cat "$world/check"; fail "it does not say how to mend '$1'"; }
  [ "$(grep -c 'mend:' "$world/check")" -eq "${3:-1}" ] || { cat "$world/check"; fail "'$1' is not all that it says"; }
}
in_machine chmod 777 /srv/shutterseal/drop/cam-101
wrong 'cam-101: is 0777' 'camera repair'
in_machine shutterseal camera repair > "$world/repair"
in_machine userdel cam-102
wrong 'account cam-102: is missing' 'camera repair'
in_machine shutterseal camera repair > "$world/repair"
echo >> "$root/etc/shutterseal/cameras/cam-101/camera.conf"
echo 'nonsense' >> "$root/etc/shutterseal/cameras/cam-101/camera.conf"
wrong 'camera 101: .*camera.conf:' 'mend the file'
sed -i '/^nonsense/d' "$root/etc/shutterseal/cameras/cam-101/camera.conf"
printf x >> "$root/lib/x86_64-linux-gnu/security/pam_shutterseal.so"
wrong 'pam_shutterseal.so: is not what was installed' 'make install'
install_built
chmod 775 "$root/usr/bin/shutterseal-upload"
wrong 'shutterseal-upload: can be changed by others' 'chmod'
chmod 755 "$root/usr/bin/shutterseal-upload"

# What the daemons would do, not what the file says: an early line, a Match block.
edit() { cp "$root$1" "$world/saved"; sed -i "$2" "$root$1"; }
undo() { cp "$world/saved" "$root$1"; }
edit /etc/shutterseal/sshd_config 's/^PasswordAuthentication no/PasswordAuthentication yes/'
wrong 'passwordauthentication is yes' 'passwordauthentication no'
undo /etc/shutterseal/sshd_config
edit /etc/shutterseal/sshd_config '$a Match Address 127.0.0.0/8\nPermitTTY yes\nX11Forwarding yes'
wrong 'permittty is yes' 'permittty no' 2
undo /etc/shutterseal/sshd_config
edit /etc/shutterseal/sshd_config '$a Nonsense yes'
wrong 'Bad configuration option: Nonsense' 'sshd -t'
undo /etc/shutterseal/sshd_config
edit /etc/pam.d/shutterseal-sshd 's/^account.*/account sufficient pam_permit.so/'
wrong 'lacks: account required pam_shutterseal.so' 'account required' 2
undo /etc/pam.d/shutterseal-sshd
rm "$root/etc/pam.d/shutterseal-ftp"
wrong 'shutterseal-ftp: is missing' 'make install'
install_built
edit /etc/shutterseal/proftpd.conf 's/^TLSRequired on/TLSRequired off/'
wrong 'lacks: TLSRequired on' 'TLSRequired on'
undo /etc/shutterseal/proftpd.conf
edit /etc/shutterseal/proftpd.conf '$a Nonsense on'
wrong 'configtest' 'proftpd --configtest'
undo /etc/shutterseal/proftpd.conf
edit /etc/fail2ban/jail.local '/shutterseal-sshd/,/enabled/d'
wrong 'the jail shutterseal-sshd is off' 'enabled = true'
undo /etc/fail2ban/jail.local

# What runs, and what could not be started again.
in_machine systemctl stop shutterseal-sshd.service
wrong 'shutterseal-sshd.service: does not run: inactive' 'systemctl start shutterseal-sshd.service'
in_machine systemctl start shutterseal-sshd.service
in_machine systemctl disable -q shutterseal-ingestd.service
wrong 'shutterseal-ingestd.service: is not started at boot' 'systemctl enable'
in_machine systemctl enable -q shutterseal-ingestd.service
in_machine fail2ban-client stop shutterseal-parcels > "$world/jail.log"
wrong 'the jail shutterseal-parcels is enabled and does not run' 'restart fail2ban'
in_machine systemctl restart fail2ban.service
until_inside "fail2ban does not answer" fail2ban-client status shutterseal-parcels
echo nonsense > "$root/etc/shutterseal/custodians/new.pem"
wrong 'shutterseal-ingestd: cannot start: .*custodians/new.pem' 'shutterseal-ingestd -t'
in_machine chown nobody /etc/shutterseal/custodians/new.pem
wrong 'shutterseal-ingestd: cannot start: .*custodians/new.pem' 'shutterseal-ingestd -t'
rm "$root/etc/shutterseal/custodians/new.pem"
edit /etc/shutterseal/receipt.key '3d'
wrong 'shutterseal-ingestd: cannot start: .*receipt.key' 'shutterseal-ingestd -t'
undo /etc/shutterseal/receipt.key
echo 'workers = many' > "$root/etc/shutterseal/ingestd.conf"
wrong 'shutterseal-ingestd: cannot start: .*ingestd.conf:1' 'shutterseal-ingestd -t'
rm "$root/etc/shutterseal/ingestd.conf"

# A copy of the tree elsewhere: files alone, and that is said.
in_machine sh -c 'mkdir -p /opt/test/tree/etc /opt/test/tree/var/lib && cp -a /etc/shutterseal /opt/test/tree/etc/ && cp -a /var/lib/shutterseal /opt/test/tree/var/lib/ && mkdir -p /opt/test/tree/srv && cp -a /srv/shutterseal /opt/test/tree/srv/'
rm -f "$root"/opt/test/tree/var/lib/shutterseal/index.db*
check --root /opt/test/tree || { cat "$world/check"; fail "a copy that is right is called wrong"; }
grep -q 'files below it were looked at' "$world/check" || fail "it does not say what it did not look at"
echo nonsense > "$root/opt/test/tree/etc/shutterseal/custodians/new.pem"
if check --root /opt/test/tree; then fail "a custodian file that keeps the daemon from starting is not seen below --root"; fi
grep -q 'custodians/new.pem' "$world/check" || fail "it does not name the file"
check --json || { cat "$world/check"; fail "all was put right, and it is called wrong"; }
expect 77 'only root' in_machine setpriv --reuid 65534 --clear-groups shutterseal server check
