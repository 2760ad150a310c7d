#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Match form: Debian's own sshd serves people and cameras. Cameras are confined and asked for by PAM; people log in as ever, by key and by
# password, also when the registry is broken, gone or open to others, and when the module's options are nonsense.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_machine
boot_machine
SERVER_URL=sftp://127.0.0.1:22/
export SERVER_URL
# shellcheck disable=SC2119
set_up_server
rm -f "$root"/etc/ssh/ssh_host_*
in_machine sh -c 'cp /etc/shutterseal/ssh_host_ed25519_key /etc/shutterseal/ssh_host_ed25519_key.pub /etc/ssh/'
cp "$project/etc/sshd/shared-host.conf" "$root/etc/ssh/sshd_config.d/shutterseal.conf"
pam=$root/etc/pam.d/sshd
cp "$pam" "$world/pam.stock"
limits() { grep -E '^#   session .*(pam_succeed_if|pam_limits)' "$project/etc/sshd/shared-host.conf" | sed 's/^# *//'; }
ours() { { limits; printf 'account  [success=ok ignore=ignore module_unknown=ignore default=bad]  pam_shutterseal.so others=ignore %s\n' "$1"; cat "$world/pam.stock"; } > "$pam"; }
ours ''
in_machine useradd -m -s /bin/sh alice
in_machine usermod -p "$(openssl passwd -6 'correct horse')" alice
ssh-keygen -q -t ed25519 -N '' -f "$root/opt/test/alice"
in_machine sh -c 'install -d -o alice -m 700 ~alice/.ssh && install -o alice -m 600 /opt/test/alice.pub ~alice/.ssh/authorized_keys'
in_machine mkdir -p /run/sshd
in_machine /usr/sbin/sshd
enrol_in_machine 101 102
in_machine systemctl start shutterseal-ingestd.service
rm -f "$root/run/nologin"  # this machine never finishes booting
picture_in_machine 101 1
upload_in_machine 101 || { in_machine journalctl --no-pager -n 20; fail "the camera's upload"; }
[ "$(stored_in_machine 101)" -eq 1 ] || fail "the picture is not in evidence"

# What a camera must not, it cannot here either; what is everybody's on this host is named and is not a camera's.
SSH_PORT_INSIDE=22
in_machine shutterseal doctor sftp://127.0.0.1:22/ --camera 101 --key /opt/test/stolen-101 --other 102 --json > "$world/found" || true
if grep '"holds":false' "$world/found" | grep '"tried":true' | grep -E '"probe":"(sftp|ssh-(shell|exec|terminal|agent|x11|local|remote))'; then fail "a camera gets what it must not"; fi
grep '"probe":"ssh-login-methods"' "$world/found" | grep -q '"found":"publickey"' || { grep login "$world/found"; fail "a camera may use another method than its key"; }

people_log_in() {
  [ "$(ssh_from 127.0.0.1 /opt/test/alice alice 'echo in')" = in ] || { in_machine journalctl --no-pager -n 10; fail "alice's key: $1"; }
}
people_log_in 'as ever'
# A guest by an invitation: limited by the lines of the example, and people by none of ours. Without the lines he is not, and the check says so.
in_machine shutterseal camera invite 107 > "$world/invited"
/usr/bin/python3 "$project/test/lib/invitation_key.py" "$(cut -d' ' -f3 "$world/invited")" > "$root/opt/test/guest"
chmod 600 "$root/opt/test/guest"
head -c 40000 /dev/urandom > "$root/opt/test/large"
guest_puts() { printf 'put %s incoming/%s\n' "$1" "$2" | in_machine sftp -q -b - -P 22 -i /opt/test/guest -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null shutterseal-enrol@127.0.0.1 > "$world/sftp" 2>&1; }
lacks_limits() { in_machine shutterseal server check > "$world/check" || true; grep -q '/etc/pam.d/sshd: lacks: session required pam_limits.so' "$world/check"; }
guest_puts /etc/hostname small || { cat "$world/sftp"; fail "the guest adds no file"; }
if guest_puts /opt/test/large large; then fail "a guest's file may be as large as it likes"; fi
if lacks_limits; then cat "$world/check"; fail "the check misses lines that are there"; fi
mv "$root/etc/shutterseal/limits.conf" "$world/limits.conf"
if guest_puts /etc/hostname other; then fail "the guest is let in without limits"; fi
people_log_in 'no limits.conf'
mv "$world/limits.conf" "$root/etc/shutterseal/limits.conf"
sed -i '/pam_limits.so conf/d' "$pam"
guest_puts /opt/test/large control || { cat "$world/sftp"; fail "the control: without the lines he is limited, too"; }
lacks_limits || { cat "$world/check"; fail "the check does not see that the limits are missing"; }
ours ''
# By password, through the same PAM stack.
in_machine pamtester -I rhost=127.0.0.1 sshd alice acct_mgmt > "$world/pam" 2>&1 || { cat "$world/pam"; fail "alice's account"; }
cameras=$root/etc/shutterseal/cameras
camera_is_out() { if printf 'pwd\n' | in_machine sftp -q -b - -i /opt/test/stolen-101 -P 22 -o StrictHostKeyChecking=no -o BatchMode=yes cam-101@127.0.0.1 > "$world/sftp" 2>&1; then fail "the camera is let in: $1"; fi; }
for state in suspended revoked; do
  in_machine sed -i "s/^state = .*/state = $state/" /etc/shutterseal/cameras/cam-101/camera.conf
  camera_is_out $state
  people_log_in $state
done
echo nonsense > "$cameras/cam-101/camera.conf"
camera_is_out malformed
people_log_in malformed
chmod 777 "$cameras"
camera_is_out 'open to others'
people_log_in 'open to others'
mv "$cameras" "$cameras.away"
camera_is_out 'no registry'
people_log_in 'no registry'
mv "$cameras.away" "$cameras"
ours 'nonsense'
people_log_in 'an option that is nonsense'
rm "$root/lib/x86_64-linux-gnu/security/pam_shutterseal.so"
people_log_in 'the module is gone'
install_built
ours ''
people_log_in 'after an upgrade of the module'
