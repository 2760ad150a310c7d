#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A real server, as root in namespaces of its own: default paths, an account per camera, chroot, forced write-only SFTP, the daemon as its own
# user, IPv4 and IPv6. A camera adds and reads its receipt; it cannot list, read, remove or see another camera.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
enter_namespace "$@"
borrow_system

(umask 077 && openssl rand -hex 16 > "$passphrase")
mkdir "$world/sshd"
ssh-keygen -q -t ecdsa -b 256 -N '' -C '' -f "$world/sshd/host_key"
cat > "$world/sshd/sshd_config" <<C
ListenAddress 127.0.0.1:22
ListenAddress [::1]:22
HostKey $world/sshd/host_key
PidFile $world/sshd/pid
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
AuthorizedKeysFile /etc/shutterseal/cameras/%u/authorized_keys
Match Group shutterseal-cameras
  ChrootDirectory /srv/shutterseal/drop/%u
  ForceCommand internal-sftp -u 0027 -p realpath,open,write,close,rename,read
  DisableForwarding yes
  PermitTTY no
C
/usr/sbin/sshd -D -f "$world/sshd/sshd_config" -E "$world/sshd.log" &
SSHD_PID=$!
sshd_is_ready "$world/sshd" || fail "sshd did not start"

shutterseal keys "$custodian" --passphrase-file "$passphrase" > "$world/keys.log"
shutterseal init --authority "$custodian/authority.pem" --custodian "$custodian/custodian.pem" \
  --url "sftp://127.0.0.1/" --host-key "$world/sshd/host_key.pub" > "$world/init.log" 2>&1
authority=$(openssl x509 -in "$custodian/authority.pem" -outform DER | sha256sum | cut -d' ' -f1)
enrol_here() {
  root=$(camera_root "$1")
  shutterseal-upload enrol --root "$root" --camera "$1" --passphrase-file "$passphrase" > "$world/enrol.log"
  shutterseal camera add "$1" --request "$root/var/lib/shutterseal-upload/keys/request.pem" \
    --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$root/bundle.p7m" > "$world/add.log"
  shutterseal-upload accept "$root/bundle.p7m" --root "$root" --authority "$authority" > "$world/accept.log"
  mkdir -p "$(capture "$1")"
}
enrol_here 101
sed -i 's,sftp://127.0.0.1/,sftp://[::1]/,' /etc/shutterseal/server.conf
enrol_here 102
take_pictures 101 2
take_pictures 102 2

# What the folders must look like: sshd wants root's chroot, the camera must not list, the daemon must take.
ways() { stat -c '%U:%G %a' "$1"; }
[ "$(ways /srv/shutterseal/drop/cam-101)" = 'root:root 755' ] || fail "drop: $(ways /srv/shutterseal/drop/cam-101)"
[ "$(ways /srv/shutterseal/drop/cam-101/incoming)" = 'cam-101:shutterseal 2370' ] || fail "incoming: $(ways /srv/shutterseal/drop/cam-101/incoming)"
[ "$(ways /srv/shutterseal/drop/cam-101/receipts)" = 'shutterseal:shutterseal-cameras 2750' ] || fail "receipts: $(ways /srv/shutterseal/drop/cam-101/receipts)"
[ "$(ways /etc/shutterseal/receipt.key)" = 'root:shutterseal 640' ] || fail "receipt.key: $(ways /etc/shutterseal/receipt.key)"
[ "$(ways /etc/shutterseal/cameras/cam-101/camera.conf)" = 'root:shutterseal 640' ] || fail "camera.conf: $(ways /etc/shutterseal/cameras/cam-101/camera.conf)"

setpriv --reuid shutterseal --regid shutterseal --init-groups "$build/bin/shutterseal-ingestd" --foreground 2>> "$world/ingestd.log" &
INGESTD_PID=$!
upload 101
upload 102
evidence=/var/lib/shutterseal/evidence
[ "$(envelopes "$evidence")" -eq 4 ] || fail "$(envelopes "$evidence") of 4 envelopes are in evidence"
[ "$(waiting 101)$(waiting 102)" = 00 ] || fail "a receipt could not be read"
find "$evidence" -name '*.p7m' > "$world/list"
# shellcheck disable=SC2046
shutterseal open --key "$custodian/custodian.key" --passphrase-file "$passphrase" --out "$world/opened" $(cat "$world/list") > "$world/open.log"
[ "$(digests "$world/originals")" = "$(digests "$world/opened")" ] || fail "opened pictures are not the originals"

# A file that the daemon cannot read is left where it is and said once; a drop by another account is refused.
incoming=/srv/shutterseal/drop/cam-101/incoming
(umask 077 && echo x > "$incoming/9-9-00000000000000aa.parcel")
chown cam-101 "$incoming/9-9-00000000000000aa.parcel"
echo x > "$incoming/9-9-00000000000000bb.parcel"
tries=0
until grep -q 'waiting camera=101 reason=unreadable' "$world/ingestd.log" && grep -q 'refused camera=101 verdict=not-a-file' "$world/ingestd.log"; do
  tries=$((tries + 1))
  [ $tries -lt 150 ] || fail "the unreadable or the foreign drop is not said"
  sleep 0.1
done
[ -e "$incoming/9-9-00000000000000aa.parcel" ] || fail "the unreadable drop is gone"

# The camera's own key, in the hands of somebody with an ordinary client.
openssl pkey -in "$(camera_root 101)/var/lib/shutterseal-upload/keys/ssh.key" -passin "file:$passphrase" -out "$world/stolen" 2>> "$world/open.log"
chmod 600 "$world/stolen"
sftp_as() { printf '%s\n' "$2" | sftp -q -b - -i "$world/stolen" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$1@127.0.0.1" > "$world/sftp.log" 2>&1; }
for request in 'ls incoming' 'ls /' 'rm receipts/receipt.p7m' 'mkdir incoming/x' 'symlink /etc/passwd incoming/x' 'ln incoming/a incoming/b' \
  'chmod 777 incoming' 'put /etc/hostname receipts/receipt.p7m' 'cd ..'; do
  if sftp_as cam-101 "$request"; then fail "the camera may '$request'"; fi
done
if sftp_as cam-102 'ls'; then fail "camera 101's key logs in as camera 102"; fi
if ssh -q -i "$world/stolen" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null cam-101@127.0.0.1 true; then
  fail "the camera has a shell"
fi
stop_ingestd
