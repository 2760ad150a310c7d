#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pam_shutterseal.so under a real libpam (pam_wrapper) with accounts of the test's own (nss_wrapper), as an ordinary user: every entry point, by
# option, by situation. What is asked: who gets in, with which PAM code, what the log says, and that other people's logins are never touched.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# As root the whole test drops to nobody, with copies of what it runs where nobody can read them.
if [ "$(id -u)" -eq 0 ]; then
  trap - EXIT
  stage=$(mktemp -d)
  mkdir -p "$stage/p/test" "$stage/b"
  cp -r test/e2e test/lib "$stage/p/test/"
  cp -r "$build/bin" "$build/lib" "$stage/b/"
  chmod -R a+rX "$stage"
  status=0
  setpriv --reuid 65534 --regid 65534 --clear-groups env TMPDIR=/tmp sh "$stage/p/test/e2e/$(basename "$0")" "$stage/b" || status=$?
  rm -rf "$stage" "$world"
  exit $status
fi

make_cameras() {
  (umask 077 && openssl rand -hex 16 > "$passphrase")
  ssh-keygen -q -t ecdsa -b 256 -N '' -C '' -f "$world/host_key"
  shutterseal keys "$custodian" --passphrase-file "$passphrase" > "$world/keys.log" 2>&1
  shutterseal init --root "$server" --authority "$custodian/authority.pem" --custodian "$custodian/custodian.pem" \
    --url sftp://127.0.0.1/ --host-key "$world/host_key.pub" > "$world/init.log" 2>&1
  for id in 101 102; do
    shutterseal-upload enrol --root "$(camera_root $id)" --camera $id --passphrase-file "$passphrase" > "$world/enrol.log"
    shutterseal camera add $id --root "$server" --request "$(camera_root $id)/var/lib/shutterseal-upload/keys/request.pem" \
      --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/bundle-$id" > "$world/add.log"
  done
  (umask 077 && printf 'right horse\n' > "$world/password")
  shutterseal camera password 101 --root "$server" --password-file "$world/password" > "$world/pw.log"
}
make_cameras
conf=$server/etc/shutterseal/cameras/cam-101/camera.conf
cp "$conf" "$world/conf.good"

# cam-101: as camera add makes it. cam-103: the name of a camera outside the group. cam-0: uid 0. alice: an administrator. cam-104: no account.
cat > "$world/passwd" <<P
root:x:0:0::/:/bin/sh
alice:x:5000:5000::/:/bin/sh
cam-101:x:5101:5999::/:/usr/sbin/nologin
cam-102:x:5102:5999::/:/usr/sbin/nologin
cam-103:x:5103:5000::/:/bin/sh
cam-0:x:0:5999::/:/bin/sh
$(id -un):x:$(id -u):$(id -g)::/:/bin/sh
P
printf 'root:x:0:\nalice:x:5000:\nshutterseal-cameras:x:5999:\nnogroup:x:%s:\n' "$(id -g)" > "$world/group"
mkdir "$world/pam.d"
module=$world/pam_shutterseal.so  # a line of PAM's ends a path at a space
cp "$build/lib/pam_shutterseal.so" "$module"
service() {
  name=$1
  shift
  for kind in auth account session password; do echo "$kind required $module root=$server $*"; done > "$world/pam.d/$name"
}
service shutterseal-sshd
service shutterseal-ftp
service others others=ignore
service chatty debug
service mistaken networks=10.0.0.0/8
service mistaken-others others=ignore networks=10.0.0.0/8
# As an administrator would stack it: ignore means that the next line decides.
for kind in auth account session password; do
  printf '%s required %s root=%s others=ignore\n%s required pam_permit.so\n' $kind "$module" "$server" $kind
done > "$world/pam.d/stacked"
printf 'auth required pam_deny.so\naccount required pam_deny.so\nsession required pam_deny.so\npassword required pam_deny.so\n' > "$world/pam.d/other"

# Under a sanitizer its runtime must come first, and what it intercepts must be loaded with it; what the wrappers locked before, it does not know.
# pam SERVICE USER RHOST CALL: the password on standard input; prints pamtester's words and, with PAM_WRAPPER's help, our log lines.
pam() {
  tries=$((${tries:-0} + 1))
  LD_PRELOAD="${SANITIZER_RUNTIME:+$SANITIZER_RUNTIME libcrypt.so.1 libstdc++.so.6 }libnss_wrapper.so libpam_wrapper.so" NSS_WRAPPER_PASSWD="$world/passwd" NSS_WRAPPER_GROUP="$world/group" \
    TSAN_OPTIONS="${TSAN_OPTIONS:-}:report_mutex_bugs=0" NSS_WRAPPER_DISABLE_DEEPBIND=1 UID_WRAPPER_DISABLE_DEEPBIND=1 \
    PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR="$world/pam.d" PAM_WRAPPER_USE_SYSLOG=0 PAM_WRAPPER_DEBUGLEVEL=2 \
    pamtester -I "rhost=$3" "$1" "$2" "$4" > "$world/pam.said" 2>&1 && status=0 || status=1
  cat "$world/pam.said" >> "$world/pam.history"
  return "$status"
}
allowed() { pam "$@" || { cat "$world/pam.said"; fail "refused: $*"; }; }
# denied SERVICE USER RHOST CALL WORDS [REASON]: libpam's words for the code, and the line in the log.
denied() {
  if pam "$1" "$2" "$3" "$4"; then fail "let in: $*"; fi
  grep -q -- "$5" "$world/pam.said" || { cat "$world/pam.said"; fail "$*: not '$5'"; }
  [ -z "${6:-}" ] || grep -q -- "denied reason=$6 rhost=.* user=\"" "$world/pam.said" || { cat "$world/pam.said"; fail "$*: no line 'denied reason=$6'"; }
}
password() { printf '%s\n' "$1" > "$world/typed"; }
with_password() { password "$1"; shift; "$@" < "$world/typed"; }

# ---- an active camera
allowed shutterseal-sshd cam-101 198.51.100.7 acct_mgmt
allowed shutterseal-sshd cam-101 198.51.100.7 open_session
allowed shutterseal-sshd cam-101 198.51.100.7 close_session
allowed shutterseal-sshd cam-101 2001:db8:1:2:3:4:5:6 open_session
allowed shutterseal-sshd cam-101 198.51.100.7 setcred
with_password 'right horse' allowed shutterseal-ftp cam-101 198.51.100.7 authenticate
allowed chatty cam-101 2001:db8::7 acct_mgmt
grep -q 'allowed rhost=2001:db8::7 user="cam-101"' "$world/pam.said" || fail "debug says nothing"
denied shutterseal-ftp cam-101 198.51.100.7 chauthtok 'denied' wrong-service

# ---- passwords
with_password 'wrong horse' denied shutterseal-ftp cam-101 198.51.100.7 authenticate 'Authentication failure' wrong-password
with_password '' denied shutterseal-ftp cam-101 198.51.100.7 authenticate 'Authentication failure' bad-password
with_password "$(head -c 300 /dev/zero | tr '\0' a)" denied shutterseal-ftp cam-101 198.51.100.7 authenticate 'Authentication failure' bad-password
with_password "$(printf 'a\377b')" denied shutterseal-ftp cam-101 198.51.100.7 authenticate 'Authentication failure' bad-password
with_password 'right horse' denied shutterseal-ftp cam-102 198.51.100.7 authenticate 'Authentication failure' wrong-password
with_password 'right horse' denied shutterseal-ftp cam-104 198.51.100.7 authenticate 'Authentication failure' wrong-password
with_password 'right horse' denied shutterseal-ftp alice 198.51.100.7 authenticate 'Authentication failure' wrong-password
if grep -q horse "$world/pam.history"; then fail "a password is in the log"; fi

# ---- other people
denied shutterseal-sshd alice 198.51.100.7 acct_mgmt 'User not known' not-a-camera
denied shutterseal-sshd cam-103 198.51.100.7 acct_mgmt 'User not known' not-a-camera
denied shutterseal-sshd root 198.51.100.7 acct_mgmt 'User not known' not-a-camera
denied shutterseal-sshd cam-0 198.51.100.7 acct_mgmt 'User not known' not-a-camera
for user in alice root cam-103 cam-0; do
  for call in acct_mgmt open_session close_session setcred; do allowed stacked $user 198.51.100.7 $call; done
  with_password x allowed stacked $user 198.51.100.7 authenticate
  if pam mistaken-others $user 198.51.100.7 acct_mgmt; then fail "a stack of 'ignore' alone lets in"; fi
  if grep -q 'denied reason' "$world/pam.said"; then fail "others=ignore says something about $user"; fi
done
denied shutterseal-sshd cam-104 198.51.100.7 acct_mgmt 'User not known' not-enrolled
denied stacked cam-104 198.51.100.7 acct_mgmt 'User not known' not-enrolled
denied mistaken cam-101 198.51.100.7 acct_mgmt 'Error in service' bad-option

# ---- what a stranger may type or his DNS say never forges a line
denied shutterseal-sshd 'x" rhost=10.0.0.1 user="y' 198.51.100.7 acct_mgmt 'User not known' not-a-camera
grep -q 'rhost=198.51.100.7 user="x\\x22 rhost=10.0.0.1 user=\\x22y"' "$world/pam.said" || { cat "$world/pam.said"; fail "a user name is not escaped"; }
denied shutterseal-sshd cam-104 '198.51.100.7 user="a" rhost=10.0.0.1' acct_mgmt 'User not known' not-enrolled
grep -q 'rhost=- user="cam-104"' "$world/pam.said" || { cat "$world/pam.said"; fail "a host name stands in the log"; }

# ---- states, networks, services, expiry
state() { { cat "$world/conf.good"; printf '%s\n' "$1"; } | awk -F' = ' '!($1 in line) { key[++n] = $1 } { line[$1] = $0 } END { for (i = 1; i <= n; i++) print line[key[i]] }' > "$conf.new"; mv "$conf.new" "$conf"; }
good() { cp "$world/conf.good" "$conf"; }
for one in 'state = suspended|Permission denied|suspended' 'state = revoked|Permission denied|revoked' 'state = removed|Permission denied|removed' \
  'expires = 2020-01-01T00:00:00Z|account has expired|expired' 'networks = 203.0.113.0/24 2001:db8:1::/48|Permission denied|wrong-network' \
  'services = shutterseal-ftp|Permission denied|wrong-service' 'state = happy|cannot retrieve|broken-registry' \
  'future-restriction = 1|cannot retrieve|broken-registry' 'networks = 203.0.113.7/24|cannot retrieve|broken-registry'; do
  state "${one%%|*}"
  words=${one#*|}
  for call in acct_mgmt open_session; do denied shutterseal-sshd cam-101 198.51.100.7 $call "${words%|*}" "${words#*|}"; done
  allowed stacked alice 198.51.100.7 acct_mgmt
done
state 'networks = 203.0.113.0/24 2001:db8:1::/48'
allowed shutterseal-sshd cam-101 203.0.113.200 acct_mgmt
allowed shutterseal-sshd cam-101 ::ffff:203.0.113.200 acct_mgmt
allowed shutterseal-sshd cam-101 2001:db8:1:2::3 acct_mgmt
denied shutterseal-sshd cam-101 camera.example.org acct_mgmt 'Permission denied' wrong-network
state 'services = shutterseal-ftp'
allowed shutterseal-ftp cam-101 198.51.100.7 acct_mgmt
good

# ---- from where cameras came in: what fail2ban asks before it bans an address
expect 0 '^101$' shutterseal camera seen-at 198.51.100.7 --root "$server"
expect 0 '^101$' shutterseal camera seen-at 2001:db8:1:2::1 --root "$server"
nobody_seen() { if shutterseal camera seen-at "$@" --root "$server" > "$world/said"; then fail "seen: $*"; fi; }
nobody_seen 198.51.100.8
nobody_seen 2001:db8:1:3::1
nobody_seen 198.51.100.7 --within 0s
state 'state = suspended'
nobody_seen 198.51.100.7
good
expect 64 'no address' shutterseal camera seen-at example.org --root "$server"

# ---- each account is slowed by itself, none is locked, and notes that cannot be made change nothing
failures=$(cat "$server"/run/shutterseal-login/failures/* | wc -c)
[ "$failures" -ge 3 ] || fail "$failures failures are noted"
chmod 000 "$server/run/shutterseal-login/failures"
with_password 'wrong horse' denied shutterseal-ftp cam-101 198.51.100.7 authenticate 'Authentication failure' wrong-password
with_password 'right horse' allowed shutterseal-ftp cam-101 198.51.100.7 authenticate
chmod 700 "$server/run/shutterseal-login/failures"
with_password 'right horse' allowed shutterseal-ftp cam-101 198.51.100.7 authenticate

# ---- the commands that write what PAM reads
expect 0 'from 203.0.113.0/24 2001:db8:1::/48 through shutterseal-ftp' shutterseal camera set 101 --root "$server" --networks '203.0.113.0/24 2001:db8:1::/48' --services shutterseal-ftp
expect 0 '^networks: 203.0.113.0/24 2001:db8:1::/48$' shutterseal camera show 101 --root "$server"
denied shutterseal-sshd cam-101 203.0.113.200 acct_mgmt 'Permission denied' wrong-service
denied shutterseal-ftp cam-101 198.51.100.7 acct_mgmt 'Permission denied' wrong-network
allowed shutterseal-ftp cam-101 203.0.113.200 acct_mgmt
expect 64 'is no network' shutterseal camera set 101 --root "$server" --networks '203.0.113.7/24'
expect 64 'is no PAM service' shutterseal camera set 101 --root "$server" --services 'a/b'
expect 64 'is needed' shutterseal camera set 101 --root "$server"
expect 0 'from anywhere through any service' shutterseal camera set 101 --root "$server" --networks '' --services ''
allowed shutterseal-sshd cam-101 198.51.100.7 acct_mgmt
(umask 077 && printf 'a\001b\n' > "$world/bad-password")
expect 65 'a password is' shutterseal camera password 101 --root "$server" --password-file "$world/bad-password"
expect 64 'either' shutterseal camera password 101 --root "$server"
chmod 644 "$world/bad-password"
expect 77 'open to others' shutterseal camera password 101 --root "$server" --password-file "$world/bad-password"
shutterseal camera password 101 --root "$server" --out "$world/random" > "$world/pw.log"
with_password "$(cat "$world/random")" allowed shutterseal-ftp cam-101 198.51.100.7 authenticate
shutterseal camera password 101 --root "$server" --password-file "$world/password" > "$world/pw.log"
good

# ---- a registry that is not to be trusted: cameras are denied and the log says why; nobody else notices
broken() {
  denied shutterseal-sshd cam-101 198.51.100.7 acct_mgmt 'cannot retrieve' broken-registry
  grep -q "trouble reason=\".*$1" "$world/pam.said" || { cat "$world/pam.said"; fail "the log does not say '$1'"; }
  with_password 'right horse' denied shutterseal-ftp cam-101 198.51.100.7 authenticate 'cannot retrieve' broken-registry
  allowed stacked alice 198.51.100.7 acct_mgmt
  with_password x allowed stacked alice 198.51.100.7 authenticate
}
cameras=$server/etc/shutterseal/cameras
mv "$cameras" "$cameras.away"; broken 'no such file'; mv "$cameras.away" "$cameras"
mkdir "$world/other-cameras"; mv "$cameras" "$cameras.away"; chmod 777 "$world/other-cameras"; ln -s "$world/other-cameras" "$cameras"; broken 'can be written by others'
rm "$cameras"; mv "$cameras.away" "$cameras"
chmod 666 "$conf"; broken 'can be written by others'; chmod 640 "$conf"
chmod 000 "$conf"; broken 'permission denied'; chmod 640 "$conf"
mv "$conf" "$conf.away"; broken 'no such file'; mkdir "$conf"; broken 'is not a regular file'; rmdir "$conf"; mv "$conf.away" "$conf"
head -c 200000 /dev/zero > "$conf"; broken 'camera.conf'; good
chmod 644 "$cameras/cam-101/password"
with_password 'right horse' denied shutterseal-ftp cam-101 198.51.100.7 authenticate 'cannot retrieve' broken-registry
chmod 600 "$cameras/cam-101/password"
allowed shutterseal-sshd cam-101 198.51.100.7 acct_mgmt

# ---- only the entry points are seen, and nothing heavy comes along
nm -D --defined-only "$module" | awk '$2 != "A" { print $3 }' | sort > "$world/exports"
printf 'pam_sm_%s\n' acct_mgmt authenticate chauthtok close_session open_session setcred | cmp - "$world/exports" || fail "exports: $(cat "$world/exports")"
if ldd "$module" | grep -E 'boost|libcrypto|ssl|sqlite|curl'; then fail "the module links what it must not"; fi
if nm -D --undefined-only "$module" | grep -E ' (pthread_create|fork|system|popen)'; then fail "the module starts threads or processes"; fi
echo "$tries calls of libpam"
