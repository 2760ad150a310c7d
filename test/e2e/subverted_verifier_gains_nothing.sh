#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A verifier is taken over by a drop (test/subverted/answer.cc) and tries each thing once: forbidden system calls, answers that contradict what the
# daemon knows, silence. Each time the drop is quarantined, nothing of it is stored, and another camera's picture arrives in the same run.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
make_server
configure 'workers = 1' 'verifier-limit = 1s' 'rescan = 1h'
make_fleet evil 1 0 1 100
make_fleet other 1 40 1 5000 "$world/away"
picture() { find "$world/away/cam-other1" -type f | sort | head -1; }
ingest_subverted() {
  : > "$world/ingestd.log"
  "$build/test/subverted-ingestd" --root "$server" --foreground --once 2>> "$world/ingestd.log"
}
# give_order WORD: the drop that takes the verifier over, and a good picture behind it (evil1 comes before other1).
give_order() {
  order="$(incoming evil1)/order-$1.parcel"
  { echo "subverted: $1 $world/made-by-$1"; head -c 600 /dev/zero; } > "$order"
  digest=$(sha256sum < "$order")
  mv "$(picture)" "$(incoming other1)/"
  before=$(stored_of other1)
  ingest_subverted
}
good_one_arrived() { [ "$(stored_of other1)" -eq $((before + 1)) ] || fail "$1: the other camera's picture did not arrive"; }
is_kept_and_not_stored() {
  [ "$(stored_of evil1)" -eq 0 ] || fail "$1: a lie was stored"
  grep -q "refused camera=evil1 verdict=malformed file=\"order-$1.parcel\"" "$world/ingestd.log" || fail "$1: not refused"
  find "$quarantine/cam-evil1" -name '*.parcel' -exec sha256sum {} + | grep -q "^${digest%% *}" || fail "$1: not kept"
  good_one_arrived "$1"
}
for word in create connect signal fork execute trace new-code other-camera strange-certificate too-long too-short gap nothing wraps-around \
  own-verdict twice endless half-an-answer long-answer hang die; do
  give_order $word
  is_kept_and_not_stored $word
  # Twice, because it might have been the process and not the drop; a verdict is only given by one that is believed.
  [ "$(said 'verifier-replaced camera=evil1')" -eq 2 ] || fail "$word: the verifier was not replaced twice"
  [ ! -e "$world/made-by-$word" ] || fail "$word: it made a file"
done
# An answer ahead of its question: whoever comes next gets another verifier and not that answer.
give_order speak-ahead
is_kept_and_not_stored speak-ahead
[ "$(said 'verifier-replaced camera=other1')" -eq 1 ] || fail "the answer that nobody asked for was not noticed"
# Controls: this lie cannot be told from the truth, so the orders do reach a verifier that obeys; and the program that ships obeys none.
give_order claim
[ "$(stored_of evil1)" -eq 1 ] || fail "the control was not stored: the orders above may have reached nobody"
good_one_arrived claim
{ echo 'subverted: claim'; head -c 600 /dev/zero; } > "$(incoming evil1)/order-shipped.parcel"
: > "$world/ingestd.log"
ingest_once
[ "$(stored_of evil1)" -eq 1 ] || fail "the shipped program obeyed"
[ "$(said verifier-replaced)" -eq 0 ] || fail "the shipped verifier was replaced"
