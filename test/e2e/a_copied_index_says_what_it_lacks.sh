#!/bin/sh
# shellcheck disable=SC2016
# SPDX-License-Identifier: Apache-2.0
# A copy of the index that was made while the daemon wrote, without the log beside it, would lack rows and say nothing: of a stolen camera good evidence
# would be void. find, verify and open refuse it and name what is missing; with the log, by sqlite3's own means, or after a clean end it is read; the daemon
# that is started on such a copy finds what it lacks; an index that nobody can write beside is read from a read-only medium.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
state=$server/var/lib/shutterseal
index=$state/index.db
take_pictures 101 3
start_ingestd
upload 101 > "$world/upload.log" 2>&1
rows() { shutterseal find --root "$1" | wc -l; }
[ "$(rows "$server")" -eq 3 ] || fail "the index in use is not read"

# copied NAME [SUFFIX]: a server's tree with the index as a hand would copy it.
copied() {
  mkdir -p "$world/$1/etc" "$world/$1/var/lib/shutterseal"
  cp -a "$server/etc/shutterseal" "$world/$1/etc/"
  cp -a "$evidence" "$world/$1/var/lib/shutterseal/"
  mkdir -p "$world/$1/srv/shutterseal/drop/cam-101/incoming" "$world/$1/srv/shutterseal/drop/cam-101/receipts"
  for suffix in '' ${2:-}; do cp "$index$suffix" "$world/$1/var/lib/shutterseal/index.db$suffix"; done
}
copied alone
copied both -wal
sqlite3 "$index" ".backup $world/backup.db"
sqlite3 "$index" "VACUUM INTO '$world/vacuum.db'"
stop_ingestd
copied closed
[ "$(rows "$world/both")" -eq 3 ] || fail "a copy with its log is not whole"
[ "$(rows "$world/closed")" -eq 3 ] || fail "a copy of a closed index is not whole"
expect 65 'alone/var/lib/shutterseal/index.db-wal' shutterseal find --root "$world/alone"
: > "$world/alone/var/lib/shutterseal/index.db-wal"
expect 65 'alone/var/lib/shutterseal/index.db-wal' shutterseal find --root "$world/alone"

# What it would have made void.
shutterseal camera revoke 101 --registry "$server/etc/shutterseal/cameras" --reason stolen > "$world/revoke.log"
envelope=$(find "$evidence" -name '*.p7m' | head -1)
opens() { shutterseal open "$envelope" --root "$server" --index "$1" --key "$custodian/custodian.key" --passphrase-file "$passphrase" --out "$world/opened"; }
verifies() { shutterseal verify "$envelope" --root "$server" --index "$1"; }
partial=$world/alone/var/lib/shutterseal/index.db
expect 65 "$partial-wal" verifies "$partial"
expect 65 "$partial-wal" opens "$partial"
for whole in "$world/backup.db" "$world/vacuum.db" "$world/both/var/lib/shutterseal/index.db" "$index"; do
  expect 0 'accepted.*proof=received-before' verifies "$whole"
  expect 0 'accepted.*proof=received-before' opens "$whole"
done

# The daemon goes on with what there is, says so, and finds the rest in the evidence.
shutterseal-ingestd --root "$world/alone" --foreground --once 2> "$world/revived.log" || { cat "$world/revived.log"; fail "the daemon does not start on a copy"; }
grep -q 'index-incomplete missing="[^"]*index.db-wal"' "$world/revived.log" || fail "it does not say that rows were missing"
[ "$(rows "$world/alone")" -eq 3 ] || fail "the daemon did not find what its index lacked"

# Killed, its files stay as they are: read, and taken up.
start_ingestd
wait_until 20 "the daemon does not start" grep -q started "$world/ingestd.log"
take_pictures 101 1
kill -KILL "$INGESTD_PID"
wait "$INGESTD_PID" 2> /dev/null || true
INGESTD_PID=''
[ "$(rows "$server")" -eq 3 ] || fail "after a kill the index is not read"
ingest_once
[ "$(rows "$server")" -eq 3 ] || fail "after a kill and a start the index is not read"

# A medium that nobody can write to.
has_need namespaces || exit 0
unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shutterseal find --root "$1" | wc -l' sh "$world/closed" > "$world/read-only"
[ "$(cat "$world/read-only")" -eq 3 ] || fail "on a read-only medium a closed index is not read"
