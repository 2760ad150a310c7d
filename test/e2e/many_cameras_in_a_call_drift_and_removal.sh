#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As root in namespaces of its own: accounts, chroots and registry folders from a CSV, nothing made when one line is bad; drift is mended;
# a removed camera keeps uid and certificates; somebody else's account is never taken over.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
enter_namespace "$@"
borrow_system
count=${CAMERAS:-40}

(umask 077 && openssl rand -hex 16 > "$passphrase")
ssh-keygen -q -t ecdsa -b 256 -N '' -C '' -f "$world/host_key"
shutterseal keys "$custodian" --passphrase-file "$passphrase" > "$world/keys.log"
shutterseal init --authority "$custodian/authority.pem" --custodian "$custodian/custodian.pem" \
  --url "sftp://127.0.0.1/" --host-key "$world/host_key.pub" > "$world/init.log" 2>&1
id shutterseal > "$world/id" || fail "init made no account for the daemon"

# A request of each camera, as its own enrol makes it.
mkdir "$world/requests"
# shellcheck disable=SC2016
seq "$count" | xargs -P 4 -I @ sh -c 'shutterseal-upload enrol --root "$1/c-$2" --camera "$2" --passphrase-file "$1/passphrase" > "$1/enrol-$2" &&
  mv "$1/c-$2/var/lib/shutterseal-upload/keys/request.pem" "$1/requests/$2.pem" && rm -rf "$1/c-$2" "$1/enrol-$2"' sh "$world" @
{ echo '# ID,REQUEST'; seq "$count" | sed 's,.*,&\,requests/&.pem,'; } > "$world/all.csv"
add_all() { shutterseal camera add --csv "$1" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/bundles"; }

# One bad line, and nothing is made.
refused() {
  { cat "$world/all.csv"; echo "$1"; } > "$world/bad.csv"
  expect 65 "bad.csv:$((count + 2)): .*$2" add_all "$world/bad.csv"
  [ -z "$(ls /etc/shutterseal/cameras)" ] || fail "'$1': something was enrolled"
  if getent passwd cam-1 > /dev/null; then fail "'$1': an account was made"; fi
}
refused 'x y,requests/1.pem' 'no camera id'
refused "next,requests/1.pem" 'is for camera 1, not next'
refused '1,requests/1.pem,a,b' 'not ID,REQUEST'
cp "$world/requests/1.pem" "$world/requests/again.pem"
refused '1,requests/again.pem' 'is that of camera 1'

started=$(date +%s)
add_all "$world/all.csv" > "$world/add.log"
echo "$count cameras in $(($(date +%s) - started)) s"
grep -q "^$count cameras are enrolled" "$world/add.log" || fail "$(cat "$world/add.log")"
[ "$(getent passwd | grep -c '^cam-.*:/:/usr/sbin/nologin$')" -eq "$count" ] || fail "accounts are missing"
[ "$(getent passwd | grep '^cam-' | cut -d: -f3 | sort -u | wc -l)" -eq "$count" ] || fail "two cameras share a uid"
[ "$(find "$world/bundles" -name 'cam-*.p7m' | wc -l)" -eq "$count" ] || fail "bundles are missing"
[ "$(getent shadow cam-1 | cut -d: -f2)" = '*' ] || fail "the account has a password"
[ "$(stat -c '%U:%G %a' "/srv/shutterseal/drop/cam-$count/incoming")" = "cam-$count:shutterseal 2370" ] || fail "incoming: $(stat -c '%U:%G %a' "/srv/shutterseal/drop/cam-$count/incoming")"
[ "$(stat -c '%U:%G %a' /etc/shutterseal/cameras/cam-1/authorized_keys)" = 'root:shutterseal 644' ] || fail "authorized_keys"
expect 0 '^0 mended' shutterseal camera repair

# Drift, mended and said.
chmod 777 /srv/shutterseal/drop/cam-1
chown 0:0 /srv/shutterseal/drop/cam-2/incoming
rm -r /srv/shutterseal/drop/cam-3
chmod 666 /etc/shutterseal/cameras/cam-4/camera.conf
uid=$(id -u cam-5)
userdel cam-5
expect 77 'cam-4' shutterseal -t
shutterseal camera repair > "$world/repair.log"
for said in 'cam-1: is 0777' 'cam-2/incoming: is 2370 root:root' 'cam-3: is missing' 'cam-4/camera.conf: is 0666' 'account cam-5: was missing'; do
  grep -q "$said" "$world/repair.log" || { cat "$world/repair.log"; fail "repair does not say '$said'"; }
done
[ "$(id -u cam-5)" = "$uid" ] || fail "the mended account has another uid"
expect 0 '^0 mended' shutterseal camera repair

# Removed: no login, no folder; uid and certificates stay.
touch /srv/shutterseal/drop/cam-6/incoming/waiting
expect 75 'are waiting' shutterseal camera remove 6 --reason sold
rm /srv/shutterseal/drop/cam-6/incoming/waiting
expect 0 'stays reserved' shutterseal camera remove 6 --reason sold
[ ! -e /srv/shutterseal/drop/cam-6 ] || fail "a removed camera has a drop directory"
[ ! -s /etc/shutterseal/cameras/cam-6/authorized_keys ] || fail "a removed camera has a key"
[ "$(find /etc/shutterseal/cameras/cam-6/signing -name '*.pem' | wc -l)" -eq 1 ] || fail "the certificate is gone"
getent passwd cam-6 > "$world/id" || fail "the uid is free for another"
expect 0 '^0 mended' shutterseal camera repair
expect 65 'is removed' shutterseal camera resume 6
expect 73 'enrolled already' shutterseal camera add 6 --request "$world/requests/6.pem" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/b"

# An account of somebody else under a camera's name.
useradd cam-visitor
shutterseal-upload enrol --root "$world/v" --camera visitor --passphrase-file "$passphrase" > "$world/enrol.log"
expect 65 "is not a camera's" shutterseal camera add visitor --request "$world/v/var/lib/shutterseal-upload/keys/request.pem" \
  --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/b"
