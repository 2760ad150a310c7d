#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A disk that damages envelopes in the spool: each is named, put aside and stated in a gap, none is sent, the server refuses nothing, and what lies beside
# it arrives in the same run. What the server has already is no loss.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
port=$SSHD_PORT
notes() { shutterseal find --root "$server" --kind event --json | sed 's/.*"note":"\([^"]*\)".*/\1/' | sort | tr '\n' ','; }
pictures() { shutterseal find --root "$server" --kind image | wc -l; }
status_of() { shutterseal-upload status --root "$(camera_root 101)" --json | sed "s/.*\"$1\":\([^,}]*\).*/\1/"; }
file_of() { find "$(spool 101)" -maxdepth 1 -name "*-$1-*.p7m"; }
flip_octet() {
  was=$(od -An -tu1 -j "${2:-9000}" -N 1 "$1")
  # shellcheck disable=SC2059
  printf "\\$(printf %o $((was ^ 1)))" | dd of="$1" bs=1 seek="${2:-9000}" conv=notrunc 2> /dev/null
}
seal_without_a_line() {
  stop_sshd
  take_pictures 101 "$1" "${2:-20000}"
  upload 101
  start_sshd "$world/sshd" "$port"
}
connections() { grep -c 'Accepted publickey' "$world/sshd/log" || true; }
start_ingestd

# An octet, half of it, all of it, a folder in its place. The last one is damaged where its link stands.
seal_without_a_line 9
flip_octet "$(file_of 2)"
truncate -s 9000 "$(file_of 4)"
truncate -s 0 "$(file_of 5)"
folder=$(file_of 7)
rm "$folder"
mkdir "$folder"
flip_octet "$(file_of 9)" "$(($(stat -c %s "$(file_of 9)") - 300))"
expect 0 'damaged chain=[0-9a-f]* seq=2 .* put-aside=yes reason="its octets are not those that were sealed"' upload 101
[ "$(grep -c ' damaged ' "$world/said")" -eq 5 ] || fail "$(cat "$world/said")"
[ "$(pictures)" -eq 4 ] || fail "$(pictures) pictures arrived, not the four that are whole"
[ "$(notes)" = 'gap 2-2 damaged,gap 4-5 damaged,gap 7-7 damaged,gap 9-9 damaged,' ] || fail "the statements are others: $(notes)"
{ [ "$(status_of damaged)" = 5 ] && [ "$(status_of refused_by_server)" = 0 ] && has_drained 101; } || fail "status says something else"
upload 101 > "$world/said" 2>&1
{ [ ! -s "$world/said" ] && [ "$(notes)" = 'gap 2-2 damaged,gap 4-5 damaged,gap 7-7 damaged,gap 9-9 damaged,' ]; } || fail "what was said once is said again"

# A sector and an inode that cannot be read. The inode cannot be moved either: it stays, and is said.
seal_without_a_line 3 5000
sector=$(file_of 14) inode=$(file_of 16)
{ [ -e "$sector" ] && [ -e "$inode" ]; } || fail "the chain is not where this test takes it to be"
BAD_SECTOR=$(basename "$sector") LOST_INODE=$(basename "$inode")
export BAD_SECTOR LOST_INODE
expect 0 'seq=14 .*reason="input/output error"' env LD_PRELOAD="$(preload_of "$build/fault/bad_sector.so" "$build/fault/lost_inode.so")" \
  shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase"
grep -q 'seq=16 .*put-aside=no reason="structure needs cleaning"' "$world/said" || { cat "$world/said"; fail "the inode is not said"; }
[ "$(pictures)" -eq 5 ] || fail "$(pictures) pictures arrived, not the one beside the two"
case $(notes) in *'gap 14-14 damaged,gap 16-16 damaged,'*) ;; *) fail "what cannot be read is not stated: $(notes)" ;; esac
# Whoever mended the file system moves it back, and it goes.
mv "$(spool 101)/damaged/$(basename "$sector")" "$(spool 101)"
unset BAD_SECTOR LOST_INODE
upload 101
{ [ "$(pictures)" -eq 7 ] && has_drained 101; } || fail "what is whole again was not sent"

# Sixty in a row do not cost sixty connections.
seal_without_a_line 70 2000
find "$(spool 101)" -maxdepth 1 -name '*.p7m' | sort -t- -k3n | head -60 | while read -r file; do flip_octet "$file" 900; done
before=$(connections)
upload 101 2> "$world/said"
[ "$(grep -c ' damaged ' "$world/said")" -eq 60 ] || fail "$(grep -c " damaged " "$world/said") of 60 are said"
[ "$(($(connections) - before))" -le 4 ] || fail "$(($(connections) - before)) connections"
{ [ "$(pictures)" -eq 17 ] && has_drained 101; } || fail "the ten behind them wait"

# Sent and stored before the disk damaged it: no gap, and nothing below it is held up, whatever of it is lost.
printf 'receipt-timeout = 300ms\n' > "$world/short.conf"
for seek in 900 -300; do
  stop_ingestd
  take_pictures 101 4 3000
  expect 75 'no receipt' shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase"
  newest=$(find "$(spool 101)" -maxdepth 1 -name '*.p7m' | sort -t- -k3n | tail -1)
  [ $seek -gt 0 ] || seek=$(($(stat -c %s "$newest") - 300))
  flip_octet "$newest" $seek
  said=$(notes)
  start_ingestd
  expect 0 ' damaged ' upload 101
  has_drained 101 || fail "$(waiting 101) wait below a damaged one that the server has"
  [ "$(notes)" = "$said" ] || fail "what the server has is called lost: $(notes)"
done
upload 101
[ "$(notes)" = "$said" ] || fail "what the server has is called lost in the next run"

# An alarm does not wait for a bad sector: it is sealed again.
next=$(find "$(spool 101)/damaged" -name '*.p7m' | sed 's/.*-\([0-9]*\)-.*/\1/' | sort -n | tail -1)
expect 0 'sealed as' env LD_PRELOAD="$(preload_of "$build/fault/bad_sector.so")" BAD_SECTOR="-$((next + 1))-" \
  shutterseal-upload alert tamper --root "$(camera_root 101)" --passphrase-file "$passphrase"
wait_until 30 "the alarm does not arrive" grep -q 'alarm camera=101 kind=tamper' "$world/ingestd.log"
# The daemon judged none of it bad.
! grep -q 'refused' "$world/ingestd.log" || fail "the server had to refuse something"
