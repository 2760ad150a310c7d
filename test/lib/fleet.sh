# shellcheck shell=sh disable=SC2154,SC2120
# (world, server, build, custodian, passphrase and evidence are world.sh's; configure may be called without a line)
# SPDX-License-Identifier: Apache-2.0
# Fleets without cameras: registry and sealed parcels from one program. Sourced after world.sh.

# make_fleet PREFIX CAMERAS PARCELS ENVELOPES SIZE [DIR]: cameras PREFIX1..; their parcels lie in DIR/cam-ID/, or in incoming/ at once.
make_fleet() { "$build/test/make-fleet" "$server" "$1" "$2" "$3" "$4" "$5" "${6:--}" "$custodian" "$passphrase"; }
incoming() { echo "$server/srv/shutterseal/drop/cam-$1/incoming"; }
held() { echo "$server/srv/shutterseal/drop/cam-$1/held"; }
# Drops of a camera that wait, wherever.
drops_of() { find "$(incoming "$1")" "$(held "$1")" -type f ! -name '.*' 2> /dev/null | wc -l; }
configure() { printf '%s\n' 'free-least = 0' "$@" > "$server/etc/shutterseal/ingestd.conf"; }
stored_of() { find "$evidence/cam-$1" -name '*.p7m' 2> /dev/null | wc -l; }
said() { grep -c -- "$1" "$world/ingestd.log" || true; }
