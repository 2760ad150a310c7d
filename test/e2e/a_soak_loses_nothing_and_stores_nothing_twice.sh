#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PICTURES (300; `make soak`: 50,000) through the real path while uploaders, daemon, verifiers and sshd's sessions are killed at random. In the end
# each is evidence exactly once: counted from the SHA-256 that were noted before a camera saw the picture, and from opened evidence. SEED repeats the dice.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
pictures=${PICTURES:-300}
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "SEED=$seed PICTURES=$pictures"
make_server
cameras='101 102 103 104'
for id in $cameras; do
  make_camera "$id"
  quicken_keys "$id"
  mkdir -p "$(camera_root "$id")/etc/shutterseal" "$(capture "$id")/.claimed"
  echo 'log-level = warning' > "$(camera_root "$id")/etc/shutterseal/upload.conf"
done
# shellcheck disable=SC2086
/usr/bin/python3 "$project/test/fault/soak.py" "$world" "$SSHD_PID" "$pictures" "$seed" $cameras || fail "the soak did not come to its end"

# Opened in lots: names of pictures meet, and one command line holds only so many.
find "$evidence" -name '*.p7m' | sort > "$world/list"
open_all() {
  mkdir "$world/lots"
  split -l 500 "$world/list" "$world/lots/"
  for lot in "$world/lots"/*; do
    # shellcheck disable=SC2046
    shutterseal open --root "$server" --key "$custodian/custodian.key" --passphrase-file "$passphrase" --out "$world/opened" $(cat "$lot") \
      > "$world/open.log" 2>&1 || fail "open refused an envelope of the evidence"
    digests "$world/opened"
    rm -rf "$world/opened"
  done
}
open_all | sort > "$world/opened.digests"
sort "$world/fed" > "$world/fed.digests"
compare() {
  echo "lost: $(comm -23 "$1" "$world/opened.digests" | wc -l), strange: $(comm -13 "$1" "$world/opened.digests" | wc -l)," \
    "evidence: $(wc -l < "$world/list"), rows: $(sqlite3 "$server/var/lib/shutterseal/index.db" 'SELECT count(*) FROM envelope'), fed: $(wc -l < "$1")"
}
expected="lost: 0, strange: 0, evidence: $pictures, rows: $pictures, fed: $pictures"
compare "$world/fed.digests"
[ "$(compare "$world/fed.digests")" = "$expected" ] || fail "something was lost or stored twice"
[ -z "$(find "$quarantine" -type f)" ] || fail "good pictures lie in quarantine"
[ "$(find "$world"/camera-*/var/lib/shutterseal-upload/spool/refused -name '*.p7m' | wc -l)" -eq 0 ] || fail "good pictures were refused"

# The control: one picture more than was sent.
{ cat "$world/fed.digests"; echo x | sha256sum | cut -d' ' -f1; } | sort > "$world/more.digests"
case $(compare "$world/more.digests") in 'lost: 1,'*) ;; *) fail "the count does not see a lost picture" ;; esac
