#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The uploader's unit as shipped. A capture directory below each place that its fence hides: said within the start with the line that lets it in, tried again, and with
# that line pictures arrive. What kept it from starting and was mended needs no hand on the unit: a credential that was not there, a directory of another user, keys with a
# wrong mode, a configuration that was being written. Only a wrong PIN ends it for good. enrol says what an ordinary user lacks.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_running_server
enrol_in_machine 101
in_machine useradd --system --user-group motion 2> /dev/null || true
state=$root/var/lib/shutterseal-upload
unit=shutterseal-upload.service
journal() { in_machine journalctl --no-pager -o cat -u $unit; }
status_of() { in_machine systemctl show -P "$1" $unit; }
# says PATTERN WHAT: since the unit was last started by hand.
says() {
  tries=0
  until journal | tail -n "+$heard" | grep -q -- "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { journal | tail -20; fail "$2: the journal never says '$1'"; }
    sleep 0.1
  done
}
start_afresh() {
  in_machine systemctl stop $unit
  in_machine systemctl reset-failed $unit 2> /dev/null || true
  in_machine systemctl daemon-reload
  heard=$(($(journal | wc -l) + 1))
  in_machine systemctl start --no-block $unit
}
settle() { says 'started$' "$1"; until_inside "$1: it is not up" systemctl is-active -q $unit; }
drop_in() { mkdir -p "$root/etc/systemd/system/$unit.d" && printf '%s\n' "$@" > "$root/etc/systemd/system/$unit.d/$name.conf"; }
name='test'
drop_in '[Service]' 'RestartSec=500ms'

# An ordinary user's enrol.
expect 77 'install -d -o USER -g GROUP -m 700 /var/lib/shutterseal-upload.*--root DIR' in_machine setpriv --reuid motion --regid motion --clear-groups shutterseal-upload enrol --camera 101

# The credential comes later.
cp -a "$root/opt/test/camera-101/var/lib/shutterseal-upload" "$state"
in_machine chown -R motion:motion /var/lib/shutterseal-upload
mkdir -p "$root/var/lib/motion" "$root/etc/credstore.encrypted"
in_machine chown motion:motion /var/lib/motion
start_afresh
tries=0
until [ "$(status_of NRestarts)" -ge 2 ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || { journal | tail; fail "without its credential it is not started again"; }
  sleep 0.1
done
in_machine systemd-creds encrypt --with-key=host --name=shutterseal-passphrase /opt/test/passphrase /etc/credstore.encrypted/shutterseal-passphrase 2> "$world/creds.log" || { cat "$world/creds.log"; fail "systemd-creds"; }
settle "with its credential"

# What is wrong with 77 or 78 and is mended meanwhile.
while_wrong() {
  start_afresh
  says "$2" "$1"
  tries=0
  until [ "$(status_of NRestarts)" -ge 1 ]; do tries=$((tries + 1)); [ $tries -lt 100 ] || fail "$1: it is not started again"; sleep 0.1; done
}
chmod 644 "$state/keys/signing.key"
while_wrong "a key with a wrong mode" 'open to others'
chmod 600 "$state/keys/signing.key"
settle "a key with its mode again"
echo 'no-such-key = 1' > "$root/etc/shutterseal/upload.conf"
while_wrong "half a configuration" 'upload.conf'
rm "$root/etc/shutterseal/upload.conf"
settle "a whole configuration"
in_machine chown root:root /var/lib/motion
chmod 700 "$root/var/lib/motion"
start_afresh
says 'User= Group=' "another user's directory"
says 'trouble .*capture-dir' "another user's directory"
in_machine chown motion:motion /var/lib/motion
says 'capture-dir.*over\|over.*capture-dir' "its own directory"

# Behind the fence.
stored=0
for place in /home /srv /mnt /media /opt /run; do
  captures=$place/camera/pictures
  in_machine mkdir -p "$captures"
  in_machine chown motion:motion "$captures"
  echo "capture-dir = $captures" > "$root/etc/shutterseal/upload.conf"
  name=fence
  rm -f "$root/etc/systemd/system/$unit.d/fence.conf"
  start_afresh
  [ "$place" = /run ] || says "BindPaths=$captures" "below $place"  # /run is hidden from it in part: nothing is said of what can be used
  drop_in '[Service]' "BindPaths=$captures"
  in_machine systemctl daemon-reload
  heard=$(($(journal | wc -l) + 1))
  in_machine systemctl restart --no-block $unit
  settle "below $place with its line"
  make_jpeg "$world/new.jpg" 20000
  cp "$world/new.jpg" "$root/opt/test/new.jpg"
  in_machine install -o motion -g motion -m 644 /opt/test/new.jpg "$captures/new.jpg"
  stored=$((stored + 1))
  tries=0
  until [ "$(stored_in_machine 101)" -eq $stored ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { journal | tail; fail "below $place nothing arrives"; }
    sleep 0.1
  done
done
