#!/bin/sh
# shellcheck disable=SC2016
# SPDX-License-Identifier: Apache-2.0
# Where standard output cannot be written, is closed or has no reader, every program says so and ends with 74; and nothing is half done: an invitation
# whose line nobody has was not made, keys whose fingerprint nobody saw were not either, no file is in the place of a standard stream. The same where
# --out names a file that is there already, that cannot be made, or for which there is no room.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
ingest_once
lost='cannot write to standard output: no space left on device'
unheard() {
  set +e
  "$@" > /dev/full 2> "$world/said" < /dev/null
  got=$?
  set -e
  [ $got -eq 74 ] || { cat "$world/said"; fail "'$*' gave $got, not 74"; }
  grep -q "$lost" "$world/said" || { cat "$world/said"; fail "'$*' does not say why"; }
}
here() { "$@" --root "$server"; }
on_camera() { "$@" --root "$(camera_root 101)" --passphrase-file "$passphrase"; }
unheard shutterseal --help
unheard shutterseal camera --version
unheard here shutterseal camera list
unheard here shutterseal camera list --json
unheard here shutterseal camera show 101
unheard here shutterseal camera repair
unheard here shutterseal -T
unheard shutterseal-ingestd -T --root "$server"
unheard on_camera shutterseal-upload status
unheard on_camera shutterseal-upload -T

# Closed, and without a reader.
expect 74 'bad file descriptor' sh -c 'shutterseal camera list --root "$1" >&-' sh "$server"
{
  sleep 0.3
  shutterseal camera list --root "$server" 2> "$world/said" && status=0 || status=$?
  echo "$status" > "$world/status"
} | true
[ "$(cat "$world/status")" -eq 74 ] || fail "without a reader it ends with $(cat "$world/status")"
grep -q 'broken pipe' "$world/said" || fail "it does not say that nobody reads"

# Of an invitation its line is the only copy.
invited() { find "$server/etc/shutterseal/enrol/invitations" -name 'cam-*.conf' 2> /dev/null | wc -l; }
unheard here shutterseal camera invite 300
[ "$(invited)" -eq 0 ] || fail "an invitation was made whose line nobody has"
shutterseal camera invite 300 --root "$server" --out "$world/line"
before=$(cat "$server/etc/shutterseal/enrol/invitations/cam-300.conf")
unheard here shutterseal camera invite 300
[ "$before" = "$(cat "$server/etc/shutterseal/enrol/invitations/cam-300.conf")" ] || fail "a line that is lost took the place of one that somebody has"
expect 73 'it exists' shutterseal camera invite 301 --root "$server" --out "$world/line"
expect 66 'cannot' shutterseal camera invite 301 --root "$server" --out "$world/missing/line"
[ "$(invited)" -eq 1 ] || fail "an invitation was made whose file could not be"

unheard shutterseal keys "$world/other" --passphrase-file "$passphrase"
[ ! -e "$world/other/authority.key" ] || fail "keys were made whose fingerprint nobody saw"
shutterseal keys "$world/other" --passphrase-file "$passphrase" > "$world/keys.log"

# A bundle, a password: all or nothing.
shutterseal-upload enrol --root "$(camera_root 102)" --camera 102 --passphrase-file "$passphrase" > "$world/enrol.log"
add() {
  shutterseal camera add 102 --root "$server" --request "$(camera_root 102)/var/lib/shutterseal-upload/keys/request.pem" \
    --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$1"
}
enrolled() { [ -e "$server/etc/shutterseal/cameras/cam-102/camera.conf" ]; }
expect 73 'it exists' add "$world/line"
expect 66 'cannot' add "$world/missing/bundle"
if enrolled; then fail "a camera is enrolled that got no bundle"; fi
unheard add "$world/bundle-102"
if [ -e "$world/bundle-102" ] && ! enrolled; then fail "a bundle without a camera"; fi
enrolled || fail "what was done was taken back, and is not said"
expect 66 'cannot' shutterseal camera password 102 --root "$server" --out "$world/missing/password"
[ ! -e "$server/etc/shutterseal/cameras/cam-102/password" ] || fail "a password that nobody knows"

# No room for the file.
[ "$(id -u)" -eq 0 ] || exit 0
mkdir "$world/small"
mount -t tmpfs -o size=4k,mode=700 tmpfs "$world/small" || exit 0
head -c 4096 /dev/zero > "$world/small/full" || true
expect 74 'no space left' shutterseal camera invite 303 --root "$server" --out "$world/small/line"
[ "$(invited)" -eq 1 ] || fail "an invitation was made for whose line there was no room"
expect 74 'no space left' shutterseal camera bundle 102 --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" --out "$world/small/bundle"
[ ! -e "$world/small/bundle" ] || fail "half a bundle"
umount "$world/small"
