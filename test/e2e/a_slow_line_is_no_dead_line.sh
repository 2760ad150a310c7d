#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a slow line the login, the open and SFTP's first acknowledgement take longer together than stall-timeout, and octets move all the while: the picture
# arrives. Once it was hung up there, at each try.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_server
port=$(free_port)
"$build/bench/delay_proxy" "$port" "$SSHD_PORT" 300 16000 > "$world/proxy.octets" &
HELPERS="$HELPERS $!"
send_through "$port"
make_camera 101
# At 0.3 s each way and 16 kB/s: 5 s until the file is open, 2 s more until 30,000 octets are acknowledged; 2 s is the longest that nothing moves.
printf 'connect-timeout = 60s\nstall-timeout = 6s\n' > "$world/slow.conf"
start_ingestd
take_pictures 101 1 60000
started=$(date +%s%3N)
shutterseal-upload run --config "$world/slow.conf" --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/said" 2>&1 || { cat "$world/said"; fail "the picture does not arrive"; }
[ $(($(date +%s%3N) - started)) -gt 6000 ] || fail "the control: the line is not slow"
! grep -q 'retry' "$world/said" || { cat "$world/said"; fail "the line was given up"; }
[ "$(waiting 101)" -eq 0 ] || fail "the envelope still waits"
all_pictures_are_evidence
