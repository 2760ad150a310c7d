#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A machine with systemd: the units as installed, sandboxed as shipped. Pictures arrive; the daemon killed is back, hung the watchdog ends it,
# stopped it ends; the uploader's unit works with the passphrase as a credential.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_machine
# The shipped watchdog waits 90 seconds: the test does not.
mkdir -p "$root/etc/systemd/system/shutterseal-ingestd.service.d"
printf '[Service]\nWatchdogSec=5s\n' > "$root/etc/systemd/system/shutterseal-ingestd.service.d/test.conf"
boot_machine
# shellcheck disable=SC2119
set_up_server
start_services shutterseal-sshd.service shutterseal-ingestd.service
enrol_in_machine 101
picture_in_machine 101 1
upload_in_machine 101 || { in_machine journalctl --no-pager -n 40; fail "the upload failed"; }
[ "$(stored_in_machine 101)" -eq 1 ] || fail "the picture is not in evidence"

# Killed: back, by itself.
# is_another UNIT PID: the unit is active, under another process than PID.
cat > "$root/opt/test/is-another" <<'S'
#!/bin/sh
systemctl is-active -q "$1" || exit 1
now=$(systemctl show -P MainPID "$1")
[ "$now" -gt 0 ] && [ "$now" -ne "$2" ]
S
property() { in_machine systemctl show -P "$1" shutterseal-ingestd.service; }
killed=$(property MainPID)
in_machine kill -KILL "$killed"
until_inside "killed, the daemon is not back" sh /opt/test/is-another shutterseal-ingestd.service "$killed"
# Hung: the watchdog ends it, and it is back.
hung=$(property MainPID)
in_machine kill -STOP "$hung"
until_inside "hung, the daemon is not started again" sh /opt/test/is-another shutterseal-ingestd.service "$hung"
in_machine journalctl --no-pager -u shutterseal-ingestd.service | grep -q 'Watchdog timeout' || fail "it was not the watchdog"
picture_in_machine 101 2
upload_in_machine 101
[ "$(stored_in_machine 101)" -eq 2 ] || fail "after both the picture is not in evidence"

# sshd likewise; a session that is open outlives the listener.
listener=$(in_machine systemctl show -P MainPID shutterseal-sshd.service)
in_machine kill -KILL "$listener"
until_inside "killed, sshd is not back" sh /opt/test/is-another shutterseal-sshd.service "$listener"
picture_in_machine 101 3
upload_in_machine 101
[ "$(stored_in_machine 101)" -eq 3 ] || fail "after a kill of sshd the picture is not in evidence"

# What the fence lets through: no network, evidence and drop only.
main=$(property MainPID)
in_machine nsenter -t "$main" -n ip -o link 2> /dev/null | grep -v ' lo:' && fail "the daemon has a network"
for path in /opt /boot /var/log; do
  if in_machine ls "/proc/$main/root$path/." 2> /dev/null | grep -q .; then fail "the daemon sees $path"; fi
done
in_machine systemctl stop shutterseal-ingestd.service
[ "$(property Result)" = success ] || fail "stopping ends with $(property Result)"

# Without systemd: the example of an init script.
init=/usr/share/doc/shutterseal/examples/shutterseal-ingestd.init
started_lines() { in_machine journalctl --no-pager -t shutterseal-ingestd | grep -c started; }
before=$(started_lines)
in_machine $init start || fail "the init script does not start"
until_inside "the init script's daemon does not run" $init status
tries=0
until [ "$(started_lines)" -gt "$before" ]; do tries=$((tries + 1)); [ $tries -lt 100 ] || fail "the init script's daemon says nothing"; sleep 0.1; done
in_machine $init reload || fail "the init script does not reload"
picture_in_machine 101 4
upload_in_machine 101
[ "$(stored_in_machine 101)" -eq 4 ] || fail "under the init script the picture is not in evidence"
in_machine $init stop
if in_machine $init status; then fail "the init script does not stop"; fi

# The uploader's unit, as another user, with the passphrase as an encrypted credential.
in_machine systemctl start shutterseal-ingestd.service
in_machine useradd --system --user-group motion 2> /dev/null || true
state=$root/var/lib/shutterseal-upload
cp -a "$root/opt/test/camera-101/var/lib/shutterseal-upload" "$state"
cp -a "$root/opt/test/camera-101/etc/shutterseal/." "$root/etc/shutterseal/" 2> /dev/null || true
in_machine chown -R motion:motion /var/lib/shutterseal-upload
mkdir -p "$root/var/lib/motion" "$root/etc/credstore.encrypted"
in_machine chown motion:motion /var/lib/motion
printf %s "$(cat "$passphrase")" > "$root/opt/test/plain"
in_machine systemd-creds encrypt --with-key=host --name=shutterseal-passphrase /opt/test/plain /etc/credstore.encrypted/shutterseal-passphrase 2> "$world/creds.log" || { cat "$world/creds.log"; fail "systemd-creds"; }
in_machine systemctl start shutterseal-upload.service || { in_machine journalctl --no-pager -n 40; fail "the uploader's unit does not start"; }
make_jpeg "$root/opt/test/new.jpg" 20000
in_machine install -o motion -g motion -m 644 /opt/test/new.jpg /var/lib/motion/new.jpg
tries=0
until [ "$(stored_in_machine 101)" -eq 5 ]; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || { in_machine journalctl --no-pager -n 40; fail "the uploader's unit sends nothing"; }
  sleep 0.1
done
in_machine systemctl stop shutterseal-upload.service
# The timer's form.
in_machine install -o motion -g motion -m 644 /opt/test/new.jpg /var/lib/motion/again.jpg
in_machine touch -d '1 minute ago' /var/lib/motion/again.jpg
in_machine systemctl start shutterseal-upload-run.service || { in_machine journalctl --no-pager -n 40; fail "the timer's service fails"; }
[ "$(stored_in_machine 101)" -eq 6 ] || fail "the timer's service sent nothing"
