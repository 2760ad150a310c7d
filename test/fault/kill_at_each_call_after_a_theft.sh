#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL before and after a call of the daemon that changes a disk, while it sorts the drops of a stolen camera into evidence and void/; after the
# restart each envelope is there once, with one row and its verdict, and no receipt speaks of what is void. Each call with ALL=1 or LONG=1.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
sample_each 16
make_faults
make_server
make_camera 101
printf 'free-least = 0\n' > "$server/etc/shutterseal/ingestd.conf"
take_pictures 101 5 4000
stop_sshd
upload 101 2> "$world/said"
# drop A B: these of the spool as a parcel.
drop() {
  parcel=$server/srv/shutterseal/drop/cam-101/incoming/$1-$2-00000000000000aa.parcel
  for sequence in $(seq "$1" "$2"); do cat "$(spool 101)"/*-"$sequence"-*.p7m; done > "$parcel"
}
# The fourth is had before the theft; one to three are the backlog that it leads to, in two parcels; the fifth is the thief's.
drop 4 4
ingest_once
stolen_at=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
drop 1 1
drop 2 3
drop 5 5
shutterseal camera revoke 101 --root "$server" --reason stolen --stolen-at "$stolen_at" > "$world/revoke"
mkdir "$world/template" "$receipts"
cp -a "$server" "$world/template/"

verdicts() {
  shutterseal find --root "$server" --json | python3 -c '
import json, sys
print(*sorted("%d %s %s" % (row["sequence"], row["verdict"], row.get("proof", "-").split(":")[0]) for row in map(json.loads, sys.stdin)), sep=", ")'
}
# pass FAULT: from the same state each time. What the daemon said is in $world/said; gives its status.
pass() {
  rm -rf "$server" "$world/calls" "$receipts"
  mkdir "$receipts"
  cp -a "$world/template/." "$world/"
  with_fault "$1" shutterseal-ingestd --root "$server" --foreground --once > "$world/said" 2>&1
}
settle() {
  keep_receipt 101
  ingest_once
  keep_receipt 101
  /usr/bin/python3 "$project/test/fault/invariant.py" kept "$server" "$receipts" || fail "$1: the promise is broken"
  found=$(verdicts)
  [ "$found" = '1 accepted linked-from, 2 accepted linked-from, 3 accepted linked-from, 4 accepted received-before, 5 void-after-theft -' ] || fail "$1: $found"
  if grep -a -q "^run [0-9a-f]* [0-9]* 5 " "$receipts"/*; then fail "$1: a receipt speaks of what is void"; fi
}
pass none:0 || fail "the daemon fails without a fault"
calls=$(wc -l < "$world/calls")
settle "without a fault"
echo "$calls calls, each $STEP-th from $OFFSET"
at=$OFFSET
while [ "$at" -le "$calls" ]; do
  for moment in kill-before kill-after; do
    # How many groups are made of the drops, and so the number of calls, differs from run to run.
    if pass $moment:"$at"; then [ "$(wc -l < "$world/calls")" -lt "$at" ] || fail "it outlived $moment $at"; fi
    settle "$moment $(tail -1 "$world/calls")"
  done
  at=$((at + STEP))
done
