#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shutterseal doctor against the shipped FTP server (all holds), the same made weak on purpose, one weakness at a time, and a stock vsftpd.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_running_ftp_server
enrol_in_machine 101 102
for id in 101 102; do in_machine shutterseal camera password $id --out /opt/test/password-$id > "$world/password.log"; done
for id in 101 102; do echo receipt > "$root/srv/shutterseal/drop/cam-$id/receipts/receipt.p7m"; in_machine chown shutterseal:shutterseal-cameras /srv/shutterseal/drop/cam-$id/receipts/receipt.p7m; in_machine chmod 640 /srv/shutterseal/drop/cam-$id/receipts/receipt.p7m; done
config=$root/etc/shutterseal/proftpd.conf
cp "$config" "$world/good"
# The probes' own wrong passwords would slow the next ones.
restart() { rm -rf "$root/run/shutterseal-login/failures"; in_machine systemctl reset-failed shutterseal-ftp.service; in_machine systemctl restart shutterseal-ftp.service || { in_machine journalctl --no-pager -n 20; fail "does not start: $*"; }; until_inside "no FTP server" sh -c 'ss -lnt | grep -q ":21 "'; }
doctor() {
  in_machine shutterseal doctor ftps://127.0.0.1/ --camera 101 --password-file /opt/test/password-101 --other 102 --tls-authority "${ca:-/opt/test/tls/tls-ca.pem}" --json > "$world/found" 2> "$world/doctor.log"
}
# shellcheck source=test/lib/weakness.sh
. "$project/test/lib/weakness.sh"
doctor || { cat "$world/found" "$world/doctor.log"; fail "the shipped server does not hold"; }
[ "$(wc -l < "$world/found")" -ge 20 ] || fail "only $(wc -l < "$world/found") probes"
expect 0 '^[0-9]* hold, 0 broken, [1-9][0-9]* not tried$' in_machine shutterseal doctor ftps://127.0.0.1/ --tls-authority /opt/test/tls/tls-ca.pem

weak ftp-banner 's/^ServerIdent .*/ServerIdent on/'
weak 'ftp-login-in-the-clear' 's/^TLSRequired .*/TLSRequired data/'
weak 'ftp-data-in-the-clear' 's/^TLSRequired .*/TLSRequired ctrl/'
weak 'ftp-list' 's/ALL DIRS READ WRITE .*>/READ WRITE>/'
weak 'ftp-fetch-upload' 's/STOR SIZE RNFR/STOR RETR SIZE RNFR/'
weak 'ftp-remove' 's/STOR SIZE RNFR/STOR DELE SIZE RNFR/'
weak 'ftp-list ftp-other-camera ftp-path-escape ftp-rename ftp-upload' 's,^DefaultRoot .*,DefaultRoot /,' '/^PathAllowFilter/d'
weak 'ftp-old-tls' 's/^TLSProtocol .*/TLSProtocol TLSv1 TLSv1.1 TLSv1.2/' 's/^TLSCipherSuite .*/TLSCipherSuite ALL:@SECLEVEL=0/'
# `make check-long` asks these, too.
if [ -n "${LONG:-}" ]; then
  weak 'ftp-append' 's/STOR SIZE RNFR/STOR APPE SIZE RNFR/' 's/^AllowStoreRestart.*/AllowStoreRestart on/'
  weak 'ftp-mkdir ftp-rmdir' 's/STOR SIZE RNFR/STOR MKD XMKD RMD XRMD SIZE RNFR/' '/^PathAllowFilter/d'
  weak 'ftp-chmod' 's/STOR SIZE RNFR/STOR SITE_CHMOD SIZE RNFR/'
  weak 'ftp-rename' 's/STOR SIZE RNFR RNTO/STOR SIZE/'
  weak 'ftp-upload' 's/STOR SIZE RNFR/SIZE RNFR/'
  weak 'ftp-login ftp-rename ftp-upload' 's/^AuthPAMConfig .*/AuthPAMConfig other/'
fi

# An anonymous entrance, and Debian's own vsftpd as it is installed: more than one probe says no.
names() {
  doctor && fail "$1 holds"
  shift
  for probe; do grep '"holds":false' "$world/found" | grep '"tried":true' | grep -q "\"probe\":\"$probe\"" || { cat "$world/found"; fail "$probe holds"; }; done
}
sed -i 's,^# Logs: .*,<Anonymous /srv/shutterseal>\nUser nobody\nGroup nogroup\nUserAlias anonymous nobody\nAuthAliasOnly on\n<Limit LOGIN>\nAllowAll\n</Limit>\n</Anonymous>,' "$config"
restart anonymous
names "an anonymous server" ftp-login-anonymous
in_machine systemctl stop shutterseal-ftp.service
mkdir "$root/opt/test/vsftpd"
dpkg-deb -x "$plain"/packages/vsftpd_*.deb "$root/opt/test/vsftpd"
cp "$root/opt/test/vsftpd/etc/vsftpd.conf" "$root/etc/vsftpd.conf"
mkdir -p "$root/run/vsftpd/empty" "$root/srv/ftp"
cp "$root/opt/test/vsftpd/etc/pam.d/vsftpd" "$root/etc/pam.d/vsftpd"
in_machine sh -c '/opt/test/vsftpd/usr/sbin/vsftpd /etc/vsftpd.conf < /dev/null > /dev/null 2>&1 &'
until_inside "no vsftpd" sh -c 'ss -lnt | grep -q ":21 "'
names "a stock vsftpd" ftp-banner ftp-certificate ftp-login-in-the-clear
echo "$probes weaknesses"
