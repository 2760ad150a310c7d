#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --root may be relative and may hold a space: where the keys lie by default is no URI that somebody wrote into a configuration.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
cd "$world"
mkdir "a pole"
at() { shutterseal-upload "$@" --root "a pole" --passphrase-file "$passphrase"; }
at enrol --camera 101 > "$world/enrol.log" 2>&1
shutterseal camera add 101 --root "$server" --request "a pole/var/lib/shutterseal-upload/keys/request.pem" \
  --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "a pole/bundle.p7m" > "$world/add.log" 2>&1
at accept "a pole/bundle.p7m" --authority "$authority" > "$world/accept.log" 2>&1
cat "$server/etc/shutterseal/cameras/cam-101/authorized_keys" >> "$world/sshd/authorized_keys"
mkdir -p "a pole/var/lib/motion"
make_jpeg "a pole/var/lib/motion/shot.jpg" 20000
touch -d '1 minute ago' "a pole/var/lib/motion/shot.jpg"
start_ingestd
at run
shutterseal-upload status --root "a pole" > "$world/status"
stop_ingestd
[ "$(find "$server/var/lib/shutterseal/evidence" -name '*.p7m' | wc -l)" -eq 1 ] || fail "the picture is not in evidence"
# A server's cannot: sshd splits the forced command that names its drop directory.
expect 64 'without space' shutterseal init --root "$world/a server" --authority "$custodian/authority.pem" --custodian "$custodian/custodian.pem" \
  --url sftp://127.0.0.1/ --host-key "$world/sshd/host_key.pub"
# What an administrator writes is held to the rule.
printf 'signing-key = file:relative.key\n' > "$world/relative.conf"
expect 78 'absolute path' shutterseal-upload -t --config "$world/relative.conf" --root "a pole"
