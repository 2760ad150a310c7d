#!/bin/sh
# shellcheck disable=SC2119
# SPDX-License-Identifier: Apache-2.0
# shutterseal doctor against the shipped sshd (all holds), Debian's stock sshd, and the shipped one made weak on purpose, one weakness at a time:
# each must be named by its own probe. ssh-audit finds no failure in the shipped configuration.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
# shellcheck source=test/lib/doctor.sh
. "$project/test/lib/doctor.sh"
# As shipped, with credentials and without; a table for people.
doctor || { cat "$world/found" "$world/doctor.log"; fail "the shipped server does not hold"; }
[ "$(wc -l < "$world/found")" -ge 40 ] || fail "only $(wc -l < "$world/found") probes"
expect 0 '^[0-9]* hold, 0 broken, [1-9][0-9]* not tried$' in_machine shutterseal doctor sftp://127.0.0.1:2022/
expect 69 'no connection' in_machine shutterseal doctor sftp://127.0.0.1:2023/
expect 66 'has no address' in_machine shutterseal doctor sftp://no-such-host.invalid/
expect 64 'neither' in_machine shutterseal doctor http://127.0.0.1/
expect 64 'camera is needed' in_machine shutterseal doctor sftp://127.0.0.1:2022/ --key /opt/test/stolen-101
in_machine ssh-audit -p 2022 127.0.0.1 > "$world/audit" 2>&1 || true
grep -q 'ssh-ed25519' "$world/audit" || { cat "$world/audit"; fail "ssh-audit did not run"; }
if grep '\[fail\]' "$world/audit"; then fail "ssh-audit finds failures"; fi

# What a stranger sees.
weak ssh-banner 's/^DebianBanner no/DebianBanner yes/'
weak ssh-weak-kex 's/^KexAlgorithms .*/&,diffie-hellman-group14-sha1/'
weak ssh-weak-cipher 's/^Ciphers .*/&,aes128-cbc/'
weak ssh-weak-mac 's/^MACs .*/&,hmac-sha1/'
in_machine ssh-keygen -q -t rsa -b 2048 -N '' -f /etc/shutterseal/rsa_key
in_machine ssh-keygen -q -t ecdsa -N '' -f /etc/shutterseal/ecdsa_key
weak 'ssh-one-host-key ssh-weak-host-key' 's,^HostKey .*,&\nHostKey /etc/shutterseal/rsa_key,' 's/^HostKeyAlgorithms .*/&,ssh-rsa/'
weak 'ssh-host-key-pin ssh-one-host-key' 's,^HostKey .*,&\nHostKey /etc/shutterseal/ecdsa_key,' 's/^HostKeyAlgorithms .*/&,ecdsa-sha2-nistp256/'

# Who gets in.
in_machine usermod -p "$(openssl passwd -6 password)" cam-101
weak 'ssh-login-methods' 's/^AuthenticationMethods .*/AuthenticationMethods any/' 's/^KbdInteractiveAuthentication .*/KbdInteractiveAuthentication yes/'
weak 'ssh-login-methods ssh-login-password' 's/^AuthenticationMethods .*/AuthenticationMethods any/' 's/^PasswordAuthentication .*/PasswordAuthentication yes/' 's/^UsePAM .*/UsePAM no/'
weak 'ssh-unknown-user-looks-alike' '/^AuthenticationMethods/d' 's/^LogLevel .*/&\nMatch User cam-no-such-camera-0\nPasswordAuthentication yes/'
in_machine usermod -p '' cam-101
weak 'ssh-login-methods ssh-login-none ssh-login-password ssh-unknown-user-looks-alike' 's/^AuthenticationMethods .*/AuthenticationMethods any/' \
  's/^PasswordAuthentication .*/PasswordAuthentication yes/' 's/^UsePAM .*/UsePAM no/' 's/^PermitEmptyPasswords .*/PermitEmptyPasswords yes/'
in_machine usermod -p '*' cam-101
in_machine useradd -g shutterseal-cameras -d / -s /usr/sbin/nologin anonymous
in_machine usermod -p '' anonymous
weak 'ssh-login-anonymous ssh-login-methods' 's/^AuthenticationMethods .*/AuthenticationMethods any/' \
  's/^PasswordAuthentication .*/PasswordAuthentication yes/' 's/^UsePAM .*/UsePAM no/' 's/^PermitEmptyPasswords .*/PermitEmptyPasswords yes/'
in_machine userdel anonymous

# What a session may do. 'restrict' before the key would still say no: without it the configuration alone decides.
keys=$root/etc/shutterseal/cameras/cam-101/authorized_keys
sed -i 's/^restrict //' "$keys"
weak ssh-terminal 's/^PermitTTY .*/PermitTTY yes/'
# (An agent's socket cannot be made in a chroot that belongs to root: that refusal stands without this line, too.)
weak 'ssh-local-forwarding ssh-remote-forwarding' 's/^DisableForwarding .*/DisableForwarding no/' 's/^DisableForwarding .*/&\nAllowTcpForwarding yes/'
in_machine usermod -s /bin/sh cam-101
weak 'sftp-list-root sftp-other-camera sftp-path-escape sftp-rename sftp-statvfs sftp-upload ssh-exec ssh-shell' 's/^ForceCommand .*//' 's/^ChrootDirectory .*//'
in_machine usermod -s /usr/sbin/nologin cam-101
sed -i 's/^/restrict /' "$keys"

# Algorithms that no camera's libssh2 has: the fleet would be locked out, and the doctor says so.
sed -i 's/^Ciphers .*/Ciphers aes256-gcm@openssh.com/' "$config"
in_machine systemctl reset-failed shutterseal-sshd.service
in_machine systemctl restart shutterseal-sshd.service
if doctor; then fail "a server without CTR holds"; fi
grep '"probe":"ssh-libssh2-can-connect"' "$world/found" | grep -q '"holds":false' || { cat "$world/found"; fail "ssh-libssh2-can-connect is not named"; }
cp "$world/good" "$config"

# Debian's own sshd, with the camera's key put where it looks: it fails, by more than one probe.
in_machine mkdir -p /run/sshd
in_machine rm -f /run/nologin  # this machine never finishes booting
in_machine sh -c 'install -d -m 755 /opt/test/home/.ssh && usermod -d /opt/test/home -s /bin/sh cam-101 && cp /etc/shutterseal/cameras/cam-101/authorized_keys /opt/test/home/.ssh/ && sed -i "s/^restrict //" /opt/test/home/.ssh/authorized_keys && chmod 755 /opt /opt/test'
[ -e "$root/etc/ssh/ssh_host_ed25519_key" ] || in_machine ssh-keygen -q -A
in_machine /usr/sbin/sshd -p 2222
port=2222
if doctor; then fail "stock sshd holds"; fi
for probe in ssh-banner ssh-one-host-key ssh-host-key-pin ssh-login-methods ssh-shell ssh-exec ssh-terminal ssh-agent-forwarding ssh-local-forwarding sftp-path-escape; do
  grep '"holds":false' "$world/found" | grep -q "\"probe\":\"$probe\"" || { cat "$world/found"; fail "on stock sshd $probe holds"; }
done

echo "$probes weaknesses"
