#!/bin/sh
# shellcheck disable=SC2016
# SPDX-License-Identifier: Apache-2.0
# shutterseal server check on a machine that is as the manual says (nothing wrong), and with one thing wrong at a time: it names it, and how to
# mend it; what it says mends it.
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
start_services shutterseal-sshd.service shutterseal-ftp.service shutterseal-ingestd.service
check() { in_machine shutterseal server check "$@" > "$world/check" 2>&1; }
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
check --json || { cat "$world/check"; fail "all was put right, and it is called wrong"; }
expect 77 'only root' in_machine setpriv --reuid 65534 --clear-groups shutterseal server check
