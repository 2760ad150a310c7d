#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a machine with the shipped sshd: suspending or removing a camera ends the session that it had; a camera cannot hold more than a few sessions;
# commands at once do not undo each other; a removal that was cut is finished by the next, and a camera cannot keep itself from being removed.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_running_server
enrol_in_machine 101 102 103

# An open session: sftp waits for its next command on a pipe that stays open.
open_session() {
  mkfifo "$root/opt/test/pipe-$1"
  in_machine sh -c "exec sftp -q -i /opt/test/stolen-$1 -P 2022 -o StrictHostKeyChecking=no -o BatchMode=yes cam-$1@127.0.0.1 < /opt/test/pipe-$1 > /opt/test/session-$1 2>&1" &
  exec 9> "$root/opt/test/pipe-$1"
  echo "put /etc/hostname incoming/.before-$1.part" >&9
  tries=0
  until [ -e "$root/srv/shutterseal/drop/cam-$1/incoming/.before-$1.part" ]; do tries=$((tries + 1)); [ $tries -lt 100 ] || { cat "$root/opt/test/session-$1"; fail "no session"; }; sleep 0.1; done
}
ended() {
  until_inside "the session of $1 goes on" sh -c "! pgrep -U cam-$1"
  (echo "put /etc/hostname incoming/.after-$1.part" >&9) 2> /dev/null || true  # whoever read the pipe is gone: SIGPIPE
  exec 9>&-
  [ ! -e "$root/srv/shutterseal/drop/cam-$1/incoming/.after-$1.part" ] || fail "camera $1 still writes"
}
open_session 101
in_machine shutterseal camera suspend 101 --reason stolen > "$world/suspend"
ended 101

# Removed with a session open and a hidden file left on purpose.
open_session 102
in_machine shutterseal camera remove 102 --reason sold > "$world/remove" || { cat "$world/remove"; fail "the camera keeps itself from being removed"; }
exec 9>&-
until_inside "the session of the removed camera goes on" sh -c '! pgrep -U cam-102'
[ ! -e "$root/srv/shutterseal/drop/cam-102" ] || fail "the drop directory is still there"
# Cut in the middle: the directory is half gone, and the same command finishes.
mkdir -p "$root/srv/shutterseal/drop/cam-102/receipts"
in_machine shutterseal camera remove 102 --reason sold > "$world/remove" || { cat "$world/remove"; fail "a removal that was cut is not finished"; }
[ ! -e "$root/srv/shutterseal/drop/cam-102" ] || fail "what was cut is still there"
# Parcels are evidence and are never removed with it.
in_machine sh -c 'echo x > /srv/shutterseal/drop/cam-101/incoming/9-9-00000000000000aa.parcel'
expect 75 'are waiting' in_machine shutterseal camera remove 101 --reason sold
# In incoming/ or, since it waits, in held/ by now.
remove_parcel() {
  find "$root/srv/shutterseal/drop/cam-101" -name '*9-9-00000000000000aa.parcel' -delete 2> "$world/removal.log"
  [ -z "$(find "$root/srv/shutterseal/drop/cam-101" -name '*.parcel')" ]
}
wait_until 10 "the parcel cannot be removed" remove_parcel

# A command that waits for a person must not write back what it read before: the suspension stands.
in_machine shutterseal camera resume 101 > "$world/resume"
mkfifo "$root/opt/test/slow-passphrase"
chmod 600 "$root/opt/test/slow-passphrase"
in_machine script -qec 'shutterseal camera bundle 101 --authority-key /opt/test/authority/authority.key --out /opt/test/bundle-2' /dev/null < "$root/opt/test/slow-passphrase" > "$world/bundle" 2>&1 &
bundling=$!
exec 8> "$root/opt/test/slow-passphrase"
tries=0
until grep -q 'passphrase' "$world/bundle"; do tries=$((tries + 1)); [ $tries -lt 100 ] || { cat "$world/bundle"; fail "it does not ask"; }; sleep 0.1; done
in_machine shutterseal camera suspend 101 --reason stolen > "$world/suspend"
cat "$passphrase" >&8
exec 8>&-
wait $bundling || { cat "$world/bundle"; fail "camera bundle"; }
grep -q '^state = suspended$' "$root/etc/shutterseal/cameras/cam-101/camera.conf" || fail "the suspension was undone by another command"
grep -q '^bundle-serial = 2$' "$root/etc/shutterseal/cameras/cam-101/camera.conf" || fail "the serial was not stored"

# One camera's sessions: some, and not all of sshd's places.
cat > "$root/opt/test/many.sh" <<'S'
i=0
while [ $i -lt 30 ]; do
  i=$((i + 1))
  sleep 20 | sftp -q -i /opt/test/stolen-103 -P 2022 -o StrictHostKeyChecking=no -o BatchMode=yes cam-103@127.0.0.1 > /dev/null 2>&1 &
done
sleep 8
pgrep -U cam-103 | wc -l
S
held=$(in_machine sh /opt/test/many.sh)
if [ "$held" -lt 2 ] || [ "$held" -gt 16 ]; then fail "one camera holds $held processes, not at most 16"; fi
echo "one camera holds $held processes"
