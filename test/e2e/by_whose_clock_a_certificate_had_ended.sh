#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A certificate that has ended, and a camera whose clock is behind its end, or ahead of another's: verify and open go by the time at which the server had
# the envelope, as the index does; from the index, or from the file's place in a copy of the evidence. Where neither is there the verdict rests on the
# camera's clock, and time=not-proved stands beside it.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fleet.sh
. "$(dirname "$0")/../lib/fleet.sh"
make_server
hostile=$world/hostile
/usr/bin/python3 "$project/test/lib/hostile_camera.py" "$hostile"
cp "$hostile/custodian.pem" "$server/etc/shutterseal/custodians/hostile.pem"
make_fleet 102- 1 0 1 100
mv "$server/etc/shutterseal/cameras/cam-102-1" "$server/etc/shutterseal/cameras/cam-102"
mv "$server/srv/shutterseal/drop/cam-102-1" "$server/srv/shutterseal/drop/cam-102"
rm "$server/etc/shutterseal/cameras/cam-102/signing"/*.pem
cp "$hostile/camera.pem" "$hostile/ended.pem" "$server/etc/shutterseal/cameras/cam-102/signing/"
cp "$hostile/authority.pem" "$server/etc/shutterseal/authority.pem"
for file in behind ahead; do cp "$hostile/clock/$file.p7m" "$server/srv/shutterseal/drop/cam-102/incoming/"; done
ingest_once
[ "$(envelopes "$evidence")" -eq 2 ] || fail "not stored"

# stored FILE: where it lies in evidence.
stored() { find "$evidence" -name "*-$(sha256sum < "$hostile/clock/$1.p7m" | cut -c 1-16)*"; }
verify() { shutterseal verify --root "$server" "$@"; }
[ "$(shutterseal find --root "$server" --json | grep '"sequence":101' | grep -c '"verdict":"expired"')" -eq 1 ] || fail "the index does not say expired"
# One verdict by index, whatever the file is called.
expect 0 'expired .*received=' verify "$(stored behind)"
expect 0 'expired .*received=' verify "$hostile/clock/behind.p7m"
expect 0 'accepted .*received=' verify "$(stored ahead)"
if grep -q time= "$world/said"; then fail "a time that the index proves is called in question"; fi
expect 0 '"verdict":"accepted".*"received":' verify --json "$hostile/clock/ahead.p7m"
opens() { shutterseal open --root "$server" --key "$hostile/custodian.key" --out "$world/opened" "$@"; }
expect 0 'expired .*received=.* picture=' opens "$hostile/clock/behind.p7m"
expect 0 'accepted .*received=.* picture=' opens "$hostile/clock/ahead.p7m"

# By the place in a copy of the evidence, without an index; another envelope under that name proves nothing.
copy=$world/copy
cp -a "$evidence" "$copy"
place() { echo "$copy/$(realpath --relative-to="$evidence" "$(stored "$1")")"; }
expect 0 'expired .*received=.* time=by-path' verify --index '' "$(place behind)"
expect 0 '"verdict":"accepted".*"time":"by-path"' verify --json --index '' "$(place ahead)"
chmod u+w "$(place behind)" && cp "$hostile/clock/ahead.p7m" "$(place behind)"
expect 0 'expired .*time=not-proved' verify --index '' "$(place behind)"

# By the camera's word, and said to be no more.
alone() { shutterseal verify --certificate "$hostile/ended.pem" --certificate "$hostile/camera.pem" "$@"; }
expect 0 'accepted .*time=not-proved' alone "$hostile/clock/behind.p7m"
expect 0 '"verdict":"expired".*"time":"not-proved"' alone --json "$hostile/clock/ahead.p7m"
expect 0 'accepted .*time=not-proved' verify --index '' "$hostile/clock/behind.p7m"

# An index that nobody named, and that cannot be opened now, costs the proof and not the verdict; one that was named is needed.
chmod 000 "$server/var/lib/shutterseal/index.db"
if [ "$(id -u)" -ne 0 ]; then
  expect 0 'index-not-read' verify "$hostile/clock/behind.p7m"
  expect 77 'index' verify --index "$server/var/lib/shutterseal/index.db" "$hostile/clock/behind.p7m"
fi
