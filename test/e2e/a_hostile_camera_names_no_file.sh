#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What whoever holds a camera's key can put into names, notes and contents reaches neither the custodian's desktop nor a terminal: open writes .jpg and
# .txt by what it saw and .bin for all else, and says so; no name is a command, an option, a device or hidden; nothing is overwritten, and a second call
# writes nothing new. No line that is printed holds a control octet, and JSON is ASCII.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
hostile=$world/hostile
/usr/bin/python3 "$project/test/lib/hostile_camera.py" "$hostile"
opens() { shutterseal open --certificate "$hostile/camera.pem" --key "$hostile/custodian.key" --out "$world/opened" "$@" "$hostile"/names/*.p7m; }
opens > "$world/first" 2>&1 || { cat "$world/first"; fail "the control: an envelope does not open"; }
find "$world/opened" -type f -printf '%f\n' | sort > "$world/names"
[ "$(wc -l < "$world/names")" -eq 23 ] || { cat "$world/names"; fail "24 envelopes, two of one name and content, are not 23 files"; }
if grep -vxE '[A-Za-z0-9][A-Za-z0-9_+-]{0,160}\.(jpg|txt|bin)' "$world/names"; then fail "names that are not harmless"; fi
if grep -iE '^(con|lpt1)\.' "$world/names"; then fail "names of devices"; fi
[ "$(tr '[:upper:]' '[:lower:]' < "$world/names" | sort -u | wc -l)" -eq 23 ] || fail "names that differ in capitals alone"
for name in "$world/opened"/*.jpg; do [ "$(head -c 3 "$name" | od -An -tx1 | tr -d " ")" = ffd8ff ] || fail "$name is no JPEG"; done
[ "$(find "$world/opened" -name '*.bin' | wc -l)" -eq 7 ] || fail "not the four files that are no picture and the three that are no text are .bin"
[ "$(grep -c ' content=no-jpeg$' "$world/first")" -eq 4 ] || fail "it is not said that four are no picture"
[ "$(grep -c ' content=no-text$' "$world/first")" -eq 3 ] || fail "it is not said that three are no text"
grep -q 'picture="[^"]*/Desktop.bin" name="Desktop.ini"' "$world/first" || fail "the camera's own name is not said"
opens > "$world/second" 2>&1 || fail "a second call fails"
find "$world/opened" -type f -printf '%f\n' | sort | cmp - "$world/names" || fail "a second call wrote something new"

# Nothing that a terminal obeys, on either stream.
opens --json > "$world/json" 2>&1
for lines in "$world/first" "$world/json"; do
  if LC_ALL=C grep -n '[^ -~]' "$lines"; then fail "octets that are not printable ASCII"; fi
done
/usr/bin/python3 -c '
import json, sys
names = [json.loads(line)["name"] for line in open(sys.argv[1])]
assert "gpj.\u202egnp.exe" in names and "\u009b31mred.jpg" in names, names' "$world/json" || fail "the names do not come back from JSON"
mv "$hostile/names/01.p7m" "$hostile/$(printf 'x\302\233m\342\200\256.p7m')"
for json in '' --json; do
  shutterseal verify --certificate "$hostile/camera.pem" $json "$hostile"/x*.p7m > "$world/verified" 2>&1
  if LC_ALL=C grep -n '[^ -~]' "$world/verified"; then fail "a file's name reaches the terminal"; fi
done
expect 66 'x\\xc2\\x9bm' shutterseal verify --certificate "$hostile/camera.pem" "$(printf '/missing/x\302\233m.p7m')"
