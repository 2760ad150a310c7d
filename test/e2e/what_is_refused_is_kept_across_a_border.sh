#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The drops lie on a file system of their own, as SECURITY.md advises. What is refused unjudged is kept across that border, octet by octet, or, beyond the
# quota or the reserve, its digest and reason are; the receipt says it, and the camera stops sending it. What is no file is described as what it was.
# Reading them is bounded. What somebody else owns is kept and never receipted. What cannot go stays and is said once. The control: within one file system a thing is moved.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
# shellcheck source=test/lib/fleet.sh
. "$project/test/lib/fleet.sh"
enter_namespace "$@"
border=$server/srv/shutterseal/drop
mkdir -p "$border"
mount -t tmpfs -o size=256m,mode=755 tmpfs "$border"
mkdir -p "$server/var/lib/shutterseal"
mount -t tmpfs -o size=64m,mode=755 tmpfs "$server/var/lib/shutterseal"
make_server
make_camera 101
configure 'picture-limit = 1M' 'drop-limit = 2M' 'quarantine-quota = 8M'
drops=$(incoming 101)
kept=$quarantine/cam-101
receipt=$server/srv/shutterseal/drop/cam-101/receipts/receipt.p7m
left() { find "$drops" -mindepth 1 -maxdepth 1 -printf '%f\n'; }
sha() { sha256sum < "$1" | cut -d' ' -f1; }
digest_is_kept() { find "$kept" -name '*.parcel' -exec sha256sum {} + | grep -q "^$1 "; }
described() { grep -q -- "$1" "$kept/overflow" || { cat "$kept/overflow"; fail "no line says '$1'"; }; }

# A camera with pictures beyond what this server takes: it sends each once and goes on with the next.
mkdir -p "$(camera_root 101)/etc/shutterseal"
printf 'receipt-timeout = 2s\n' > "$(camera_root 101)/etc/shutterseal/upload.conf"
take_pictures 101 1 3000000
start_ingestd
upload 101 || true
take_pictures 101 1 20000
until_drained() { upload 101 && has_drained 101; }
wait_until 1 "the camera sends what is refused again and again" until_drained
stop_ingestd
refused=$(find "$(spool 101)/refused" -name '*.p7m')
[ "$(echo "$refused" | wc -w)" -eq 1 ] || fail "the camera has put aside '$refused'"
digest_is_kept "$(sha "$refused")" || fail "what is too large is not in quarantine"
grep -a -q "^refused .*$(sha "$refused").* too-large" "$receipt" || { grep -a '^refused' "$receipt"; fail "the receipt does not say that it is too large"; }
grep -q "^sha256 = $(sha "$refused")$" "$kept"/*.reason || fail "the reason has no digest"
[ "$(said 'refused camera=101 verdict=too-large')" -eq 1 ] || fail "it came $(said 'refused camera=101 verdict=too-large') times"

# What is no file: never followed, described, gone.
ln -s /etc/passwd "$drops/2-2-link.parcel"
mkfifo "$drops/2-2-fifo.parcel"
mknod "$drops/2-2-null.parcel" c 1 3
mkdir "$drops/2-2-empty.parcel" "$drops/2-2-full.parcel"
echo x > "$drops/2-2-full.parcel/x"
# A terabyte that is none; somebody else's file; one with a second name elsewhere.
truncate -s 1T "$drops/3-3-terabyte.parcel"
head -c 5000 /dev/urandom > "$drops/4-4-theirs.parcel"
theirs=$(sha "$drops/4-4-theirs.parcel")
chown 65534 "$drops/4-4-theirs.parcel"
head -c 2500000 /dev/urandom > "$border/elsewhere"
two_names=$(sha "$border/elsewhere")
ln "$border/elsewhere" "$drops/5-5-names.parcel"
ingest_once
ingest_once
[ "$(left)" = 2-2-full.parcel ] || { left; fail "not all that can go is gone"; }
[ "$(said 'waiting camera=101 reason=cannot-remove file="2-2-full.parcel"')" -eq 2 ] || fail "what stays is not said once a start"
rm -r "$drops/2-2-full.parcel"
described ' not-a-file: no file, symbolic link to "/etc/passwd" "2-2-link.parcel"'
described ' fifo "2-2-fifo.parcel"'
described ' character device 1:3 "2-2-null.parcel"'
described ' directory "2-2-empty.parcel"'
described " - 1099511627776 too-large: 1099511627776 octets, too large to be digested, sha256 of its first 1048576 octets $(head -c 1048576 /dev/zero | sha256sum | cut -d' ' -f1) \"3-3-terabyte.parcel\""
digest_is_kept "$theirs" || fail "somebody else's file is not kept"
if grep -a '^refused' "$receipt" | grep "$theirs"; then fail "the camera is told to stop sending what it did not send"; fi
digest_is_kept "$two_names" || fail "the file with two names is not kept"
[ "$(sha "$border/elsewhere")" = "$two_names" ] || fail "its other name was touched"

# Beyond the quota of 8M, of which 5.5 are used; and below the reserve: digest and reason.
for n in 6 7; do head -c 2500000 /dev/urandom > "$drops/$n-$n-00000000000000aa.parcel"; done
digests "$drops" > "$world/wanted"
ingest_once
head -c 2500000 /dev/urandom > "$drops/8-8-00000000000000aa.parcel"
digests "$drops" >> "$world/wanted"
eighth=$(sha "$drops/8-8-00000000000000aa.parcel")
# What it would take for the copy is not there, and what the pictures need is.
free=$(($(stat -f -c '%a * %S' "$quarantine")))
printf '%s\n' 'picture-limit = 1M' 'drop-limit = 2M' 'quarantine-quota = 1G' "free-least = $(((free - 1500000) / 1024))k" > "$server/etc/shutterseal/ingestd.conf"
ingest_once
[ -z "$(left)" ] || fail "something is left"
described " $eighth 2500000 too-large: 2500000 octets"
while read -r digest; do
  digest_is_kept "$digest" || described " $digest 2500000 too-large: 2500000 octets"
  grep -a -q "^refused .*$digest.* too-large" "$receipt" || fail "the receipt does not say $digest"
done < "$world/wanted"
[ "$(grep -c ' 2500000 too-large' "$kept/overflow")" -eq 2 ] || fail "$(grep -c ' 2500000 too-large' "$kept/overflow") lines where one is beyond the quota and one below the reserve"

# A thief's holes: of one camera 256 MiB are read in a minute, and what comes behind waits.
for n in 8 9; do truncate -s 140M "$drops/$n-$n-00000000000000bb.parcel"; done
ingest_once
[ "$(left | wc -l)" -eq 1 ] || fail "$(left | wc -l) of two large files wait"
[ "$(said 'waiting camera=101 reason=slowed')" -eq 1 ] || fail "no line says that one waits"
[ "$(grep -c " 146800640 too-large" "$kept/overflow")" -eq 1 ] || fail "the other has no line"

umount "$border"
umount "$server/var/lib/shutterseal"
mkdir -p "$quarantine" "$evidence" "$server/var/lib/shutterseal/void"
mkdir -p "$drops" "$(dirname "$receipt")"
ln -s /etc/passwd "$drops/9-9-link.parcel"
configure
ingest_once
[ "$(find "$kept" -name '*.thing' -type l | wc -l)" -eq 1 ] || fail "the control: within one file system the link is not moved"
