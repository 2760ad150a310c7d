#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon is killed between the evidence file and its index row, and comes back in the next hour, on the next day, or with a clock that was set back or
# ahead in between. The picture is sent again: it is stored once. The window is held open by a lock on the index.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
make_camera 101
quicken_keys 101
under_clock shutterseal-ingestd
printf 'receipt-timeout = 0\n' > "$world/short.conf"
index=$server/var/lib/shutterseal/index.db
# The kernel dates files by the true clock: an upload must not look like one of days ago.
printf 'part-age = 365d\n' > "$server/etc/shutterseal/ingestd.conf"
stored=0
at() { date -u -d "$1" +@%s; }  # 'tomorrow 10:59:58' and so on

# Readers go on, the daemon's transaction waits.
lock_index() {
  /usr/bin/python3 -c "
import sqlite3, sys, time
index = sqlite3.connect('$index', timeout=60, isolation_level=None)
index.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
time.sleep(600)" > "$world/lock" &
  lock=$!
  HELPERS="$HELPERS $lock"
  until_true "the index cannot be locked" test -s "$world/lock"
}
unlock_index() { end_helper $lock; rm "$world/lock"; }

# crash_between BEFORE LINKED AFTER: a picture is indexed at BEFORE; the next is linked at LINKED, where the daemon dies; it starts again at AFTER.
crash_between() {
  set_clock "$(at "$1")"
  start_ingestd
  take_pictures 101 1 3000
  upload 101
  set_clock "$(at "$2")"
  lock_index
  take_pictures 101 1 3000
  shutterseal-upload run --config "$world/short.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1 || true
  stored=$((stored + 2))
  until_true "nothing is linked at $2" stores $stored
  kill -KILL "$INGESTD_PID"
  wait "$INGESTD_PID" 2> /dev/null || true
  unlock_index
  [ "$(rows)" -eq $((stored - 1)) ] || fail "the row was there before the crash: this shows nothing"
  set_clock "$(at "$3")"
  start_ingestd
  upload 101
  is_settled 101 $stored || fail "$1, $2, $3: $(envelopes "$evidence") are stored, not $stored; $(waiting 101) wait"
  [ "$(rows)" -eq $stored ] || fail "$1, $2, $3: $(rows) rows, not $stored"
  stop_ingestd
}
rows() { sqlite3 "$index" 'SELECT count(*) FROM envelope'; }

crash_between 'tomorrow 10:59:58' 'tomorrow 10:59:59' 'tomorrow 11:00:00'
crash_between 'tomorrow 23:59:58' 'tomorrow 23:59:59' '2 days 00:00:00'
crash_between '2 days 10:30:00' '2 days 07:00:00' '2 days 07:00:05'
crash_between '3 days 10:30:00' '5 days 10:30:00' '5 days 10:30:05'
all_pictures_are_evidence
