#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One address opens many connections to the cameras' sshd and says nothing: a camera elsewhere still gets in at the first try. And a fleet that comes
# back at the same moment from one address all arrives.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_running_server
fleet='101 102 103 104 105 106 107 108 109 110 111 112'
# shellcheck disable=SC2086
enrol_in_machine $fleet

cat > "$root/opt/test/silent.py" <<'P'
import socket, sys, time
held = []
for i in range(150):
    one = socket.socket()
    one.bind(("127.0.0.50", 0))
    one.connect(("127.0.0.1", 2022))
    held.append(one)
# sshd speaks first: who hears its version holds a place, who is hung up on does not.
places = 0
for one in held:
    one.settimeout(3)
    try:
        places += 1 if one.recv(4).startswith(b"SSH") else 0
    except OSError:
        pass
print("places", places, flush=True)
time.sleep(30)
P
in_machine /usr/bin/python3 /opt/test/silent.py > "$world/silent" 2>&1 &
tries=0
until grep -q places "$world/silent"; do tries=$((tries + 1)); [ $tries -lt 300 ] || { cat "$world/silent"; fail "no connections"; }; sleep 0.1; done
places=$(sed -n 's/^places //p' "$world/silent")
if [ "$places" -lt 1 ] || [ "$places" -gt 50 ]; then fail "one address holds $places places, not at most 50"; fi
picture_in_machine 101 1
upload_in_machine 101 > "$world/upload.log" 2>&1 || { cat "$world/upload.log"; fail "the camera does not get in"; }
[ ! -s "$world/upload.log" ] || { cat "$world/upload.log"; fail "the camera did not get in at the first try"; }
echo "one address holds $places places"

for id in $fleet; do picture_in_machine "$id" 2; done
pids=
for id in $fleet; do
  upload_in_machine "$id" > "$world/upload-$id.log" 2>&1 &
  pids="$pids $!"
done
for pid in $pids; do wait "$pid" || fail "one of the fleet did not arrive: $(cat "$world"/upload-*.log)"; done
for id in $fleet; do [ "$(stored_in_machine "$id")" -ge 1 ] || fail "nothing of camera $id"; done
