#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job, start to end, on this machine and in one folder: usage: run.sh BINDIR OUTDIR [JPEGDIR]
# Makes a server and two cameras below OUTDIR, starts a private sshd on a free loopback port, sends real pictures and opens them again.
set -eu
here=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
bin=$(CDPATH='' cd "$1" && pwd)
rm -rf "$2"
mkdir -p "$2"
out=$(CDPATH='' cd "$2" && pwd)
# internal-sftp takes no folder with a space in its name, and sshd's configuration no quotation mark: such a folder has a plain name while this runs.
plain_name=
case $out in *[!A-Za-z0-9/._+,@:=-]*)
  plain_name=$(mktemp -d)
  ln -s "$out" "$plain_name/demo"
  out=$plain_name/demo
  ;;
esac
jpegs=${3:-}
[ -z "$jpegs" ] || jpegs=$(CDPATH='' cd "$jpegs" && pwd)
umask 022
# shellcheck source=test/lib/private-sshd.sh
. "$here/test/lib/private-sshd.sh"

PATH=$bin:$PATH
export PATH
ingestd_pid=
cleanup() {
  [ -z "$ingestd_pid" ] || kill "$ingestd_pid" 2>/dev/null || true
  stop_sshd
  [ -z "$plain_name" ] || rm -rf "$plain_name"
}
trap cleanup EXIT INT TERM

now_ms() { date +%s%3N; }
started=$(now_ms)
say() { printf '%6d ms  %s\n' "$(($(now_ms) - started))" "$*"; }
fail() {
  echo "demo: $1" >&2
  exit 1
}

server=$out/server custodian=$out/custodian
passphrases=$out/passphrases
mkdir -m 700 "$passphrases"
for who in custodian camera-101 camera-102; do
  (umask 077 && openssl rand -hex 20 > "$passphrases/$who")
done

# --- the server -------------------------------------------------------------------------------------------------------------
start_sshd "$out/sshd"
say "a private sshd listens on 127.0.0.1:$SSHD_PORT"
shutterseal keys "$custodian" --passphrase-file "$passphrases/custodian" > "$out/log.keys"
shutterseal init --root "$server" --authority "$custodian/authority.pem" --custodian "$custodian/custodian.pem" \
  --url "sftp://$(id -un)@127.0.0.1:$SSHD_PORT/" --host-key "$out/sshd/host_key.pub" > "$out/log.init" 2>&1
say "keys for an authority and a custodian lie in custodian/, the server's folders in server/"

# --- two cameras are enrolled -------------------------------------------------------------------------------------------------
enrol() {
  camera=$out/camera-$1
  shutterseal-upload enrol --root "$camera" --camera "$1" --passphrase-file "$passphrases/camera-$1" > "$out/log.enrol-$1"
  shutterseal camera add "$1" --root "$server" --request "$camera/var/lib/shutterseal-upload/keys/request.pem" \
    --authority-key "$custodian/authority.key" --passphrase-file "$passphrases/custodian" --out "$camera/bundle.p7m" > "$out/log.add-$1"
  shutterseal-upload accept "$camera/bundle.p7m" --root "$camera" --passphrase-file "$passphrases/camera-$1" \
    --authority "$authority" > "$out/log.accept-$1"
  cat "$server/etc/shutterseal/cameras/cam-$1/authorized_keys" >> "$out/sshd/authorized_keys"
  mkdir -p "$camera/var/lib/motion"
}
authority=$(openssl x509 -in "$custodian/authority.pem" -outform DER | sha256sum | cut -d' ' -f1)
enrol 101
enrol 102
say "cameras 101 and 102 made their keys, were certified and took their bundles"

# --- pictures ----------------------------------------------------------------------------------------------------------------
mkdir -p "$out/originals" "$out/opened" "$out/captured"
if [ -n "$jpegs" ]; then
  find "$jpegs" -maxdepth 1 -type f \( -iname '*.jpg' -o -iname '*.jpeg' \) -exec cp {} "$out/captured/" \;
else
  sh "$here/demo/capture.sh" "$here/demo/clip.mp4" "$out/captured" 12
fi
count=$(find "$out/captured" -type f | wc -l)
[ "$count" -gt 0 ] || fail "no JPEG to send"
turn=101
for picture in "$out/captured"/*; do
  name=$(basename "$picture")
  cp -p "$picture" "$out/originals/$turn-$name"
  mv "$picture" "$out/camera-$turn/var/lib/motion/$name"
  if [ $turn = 101 ]; then turn=102; else turn=101; fi
done
rmdir "$out/captured"
say "$count JPEGs ($(du -cb "$out/originals"/* | tail -1 | cut -f1) octets) lie in the cameras' capture directories"

# --- seal, send, ingest, receipt ----------------------------------------------------------------------------------------------
shutterseal-ingestd --root "$server" --foreground 2> "$out/log.ingestd" &
ingestd_pid=$!
sent=$(now_ms)
for id in 101 102; do
  shutterseal-upload run --root "$out/camera-$id" --passphrase-file "$passphrases/camera-$id" > "$out/log.upload-$id" 2>&1 ||
    { cat "$out/log.upload-$id" >&2; fail "camera $id could not send"; }
done
say "sealed, sent over SFTP, verified, stored and receipted in $(($(now_ms) - sent)) ms"
for id in 101 102; do
  left=$(find "$out/camera-$id/var/lib/shutterseal-upload/spool" -maxdepth 1 -name '*.p7m' | wc -l)
  [ "$left" -eq 0 ] || fail "camera $id still holds $left envelopes"
  [ -z "$(find "$out/camera-$id/var/lib/motion" -type f)" ] || fail "camera $id still holds originals"
done
say "each camera verified a signed receipt and only then let go of its pictures"
kill "$ingestd_pid"
wait "$ingestd_pid" || fail "the ingest daemon ended badly: see $out/log.ingestd"
ingestd_pid=
shutterseal find --root "$server" > "$out/log.find"
stored=$(find "$server/var/lib/shutterseal/evidence" -name '*.p7m' | wc -l)
[ "$stored" -eq "$count" ] || fail "$stored of $count envelopes are in evidence"

# --- a custodian opens them ---------------------------------------------------------------------------------------------------
find "$server/var/lib/shutterseal/evidence" -name '*.p7m' | sort > "$out/log.evidence"
# Names of evidence have no spaces: our own form.
# shellcheck disable=SC2046
shutterseal verify --root "$server" $(cat "$out/log.evidence") > "$out/log.verify"
# shellcheck disable=SC2046
shutterseal open --root "$server" --key "$custodian/custodian.key" --passphrase-file "$passphrases/custodian" \
  --out "$out/opened" $(cat "$out/log.evidence") > "$out/log.open"
digests() { find "$1" -type f -exec sha256sum {} + | cut -d' ' -f1 | sort; }
[ "$(digests "$out/originals")" = "$(digests "$out/opened")" ] || fail "an opened picture differs from its original"
say "the custodian opened $count pictures; each is byte-identical to its original"

# --- one again with nothing but openssl -----------------------------------------------------------------------------------------
one=$(tail -1 "$out/log.evidence")
case $one in */cam-101/*) id=101 ;; *) id=102 ;; esac
work=$out/stock-openssl
mkdir "$work"
openssl cms -verify -binary -inform DER -in "$one" -CAfile "$server/etc/shutterseal/authority.pem" \
  -certfile "$(find "$server/etc/shutterseal/cameras/cam-$id/signing" -name '*.pem')" -out "$work/middle" 2> "$work/log"
openssl cms -decrypt -binary -inform DER -in "$work/middle" -recip "$custodian/custodian.pem" -inkey "$custodian/custodian.key" \
  -passin "file:$passphrases/custodian" -out "$work/inner"
openssl cms -verify -binary -inform DER -in "$work/inner" -CAfile "$server/etc/shutterseal/authority.pem" -cades -out "$work/picture.jpg" 2>> "$work/log"
digests "$out/originals" | grep -qxF "$(sha256sum "$work/picture.jpg" | cut -d' ' -f1)" || fail "stock openssl opened another picture"
say "stock 'openssl cms' alone verified, decrypted and verified one envelope: the same picture"
say "done: look into $2/{server,camera-101,camera-102,custodian,originals,opened}"
