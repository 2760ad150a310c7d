#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The checker that all trials of this folder rest on: it is silent where nothing is wrong, and says each thing that can be.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
make_server
make_camera 101
take_pictures 101 3
start_ingestd
upload 101
keep_receipt 101
stop_ingestd
settled 101 || fail "it complains of what is good"
cp -a "$server" "$world/good"

# breach PATTERN COMMAND...: done to a good state, it must be said; then the good state comes back.
breach() {
  pattern=$1
  shift
  "$@"
  if settled 101 > "$world/said"; then fail "'$*' was not seen"; fi
  grep -q "$pattern" "$world/said" || { cat "$world/said"; fail "'$*' was not said to be '$pattern'"; }
  rm -rf "$server" "$book" "$(spool 101)"/*.p7m
  cp -a "$world/good" "$server"
}
first=$(find "$evidence" -name '*-1-*.p7m')
last=$(find "$evidence" -name '*-3-*.p7m')
index=$server/var/lib/shutterseal/index.db
breach 'a lost picture' rm "$first"
breach 'receipted, and 0 times' rm "$last"
breach 'receipted, and 2 times' cp "$first" "$(dirname "$first")/1-00000000-1-0000000000000000.p7m"
breach 'a hole in a chain' rm "$first"
breach 'indexed, and not there: evidence/' rm "$last"
breach 'there, and not indexed: evidence/' sqlite3 "$index" 'DELETE FROM envelope WHERE sequence = 2'
flip_an_octet() { printf x | dd of="$1" bs=1 seek=900 conv=notrunc 2> /dev/null; }
breach 'not the octets that were indexed' flip_an_octet "$first"
breach 'named after other octets' flip_an_octet "$first"
breach '2 files of the same octets' cp "$first" "$(dirname "$first")/1-00000000-1-$(sha256sum < "$first" | cut -c1-16).p7m"
breach 'does not open' truncate -s 900 "$first"
breach 'left on the camera' cp "$first" "$(spool 101)/left.p7m"
mkdir -p "$world/taken"
mv "$world/originals"/*shot-0* "$world/taken/"
breach 'no camera took' true
mv "$world/taken"/* "$world/originals/"
settled 101 || fail "it complains of what is good again"
rm "$last"
if covered; then fail "it does not see before the restart that a receipt is broken"; fi
