#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands of shutterseal-server(7), as they stand there, on a machine of the test's own: after them a camera's picture is evidence. Only the
# two that fetch and build are not repeated: the machine has what they leave.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_machine
boot_machine
sed -n 's/^# //p' "$project/man/shutterseal-server.7" | sed 's/\\e/\\/g; s/drop\.example\.org/127.0.0.1/g' > "$world/commands"
[ "$(wc -l < "$world/commands")" -eq 10 ] || fail "$(wc -l < "$world/commands") commands, not ten"

# On other hosts: the authority's keys, and the camera's own.
(umask 077 && openssl rand -hex 16 > "$passphrase")
shutterseal keys "$custodian" --passphrase-file "$passphrase" > "$world/keys.log" 2>&1
authority=$(openssl x509 -in "$custodian/authority.pem" -outform DER | sha256sum | cut -d' ' -f1)
camera=$root/opt/test/camera-101
cp "$passphrase" "$root/opt/test/passphrase"
in_machine shutterseal-upload enrol --root /opt/test/camera-101 --camera 101 --passphrase-file /opt/test/passphrase > "$world/enrol.log"
mkdir -p "$root/root"
cp "$custodian/authority.pem" "$custodian/custodian.pem" "$camera/var/lib/shutterseal-upload/keys/request.pem" "$root/root/"
shutterseal camera sign "$root/root/request.pem" --authority-key "$custodian/authority.key" --authority "$custodian/authority.pem" --passphrase-file "$passphrase" \
  --out "$root/root/101.pem" > "$world/sign.log"

while IFS= read -r command; do
  case $command in 'apt install '* | 'make deps '*) continue ;; esac
  printf '%s\n' "$command" > "$root/opt/test/command"
  in_machine sh -e /opt/test/command > "$world/said" 2>&1 < /dev/null || { cat "$world/said"; in_machine journalctl --no-pager -n 20; fail "the manual's '$command'"; }
  case $command in *' server check') grep -q '^0 wrong$' "$world/said" || { cat "$world/said"; fail "after the manual's commands something is wrong"; } ;; esac
done < "$world/commands"

shutterseal bundle sign "$root/root/draft" --authority-key "$custodian/authority.key" --authority "$custodian/authority.pem" --passphrase-file "$passphrase" \
  --out "$root/opt/test/bundle" > "$world/sign.log"
in_machine shutterseal-upload accept /opt/test/bundle --root /opt/test/camera-101 --authority "$authority" > "$world/accept.log"
mkdir -p "$camera/var/lib/motion"
picture_in_machine 101 1
upload_in_machine 101 || { in_machine journalctl --no-pager -n 20; fail "the upload"; }
[ "$(stored_in_machine 101)" -eq 1 ] || fail "the picture is not in evidence"
