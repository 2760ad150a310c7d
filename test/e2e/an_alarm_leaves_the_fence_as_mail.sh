#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A machine with systemd and a mail system (dma): the daemon as shipped, without network and with nothing to execute, has an alarm mailed by the alert
# runner, which is another user and sees no evidence. The journal has the lines; a restarted daemon finds the runner again.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_machine
dpkg-deb -x "$plain"/packages/dma_*.deb "$root"
mkdir -p "$root/etc/dma" "$root/var/mail"
: > "$root/etc/dma/dma.conf"
echo drop.test > "$root/etc/mailname"
rm -f "$root/var/mail/root" "$root/etc/aliases"
boot_machine
# shellcheck disable=SC2119
set_up_server
echo 'alert-command = /usr/libexec/shutterseal/alert-mail root' > "$root/etc/shutterseal/ingestd.conf"
start_services shutterseal-sshd.service shutterseal-ingestd.service
enrol_in_machine 101
alert() { in_machine shutterseal-upload alert "$@" --root /opt/test/camera-101 --passphrase-file /opt/test/passphrase > "$world/alert.log" 2>&1 || { cat "$world/alert.log"; fail "alert"; }; }
alert 'tamper .' 'the cover was opened'
until_inside "no mail arrives" grep -q '^Subject: shutterseal: camera 101: tamper$' /var/mail/root
grep -q '^note:     tamper \.$' "$root/var/mail/root" || { cat "$root/var/mail/root"; fail "the mail does not say what happened"; }
if grep -q 'the cover was opened' "$root/var/mail/root"; then fail "the mail has what is for custodians alone"; fi
until_inside "the runner says nothing" sh -c 'journalctl -o cat -t shutterseal-ingestd | grep -qx "alerted camera=101 kind=tamper count=1"'
received=$(sed -n 's/^received: \([^ ]*\) .*/\1/p' "$root/var/mail/root")
logged=$(in_machine journalctl -o short-unix -t shutterseal-ingestd | awk '/ alarm camera=101 / { print $1 }')
awk -v logged="$logged" -v received="$(date -d "$received" +%s.%N)" 'BEGIN { printf "logged %.0f ms after arrival\n", (logged - received) * 1000 }'

# The runner: its own user, no evidence, no keys; and it lives as long as the daemon.
runner=$(in_machine systemctl list-units --plain --no-legend 'shutterseal-alert@*' | cut -d' ' -f1)
pid=$(in_machine systemctl show -P MainPID "$runner")
[ "$(in_machine stat -c %U "/proc/$pid")" = shutterseal-alert ] || fail "the runner is another user"
in_machine sh -c 'grep -q . /var/lib/shutterseal/index.db' || fail "there is no index to be kept from the runner"
for path in /var/lib/shutterseal/index.db /srv/shutterseal/drop /etc/shutterseal/cameras/cam-101/camera.conf /etc/shutterseal/receipt.key; do
  if in_machine nsenter -t "$pid" -m sh -c "cat $path || ls $path/." 2> /dev/null | grep -q .; then fail "the runner sees $path"; fi
done
in_machine systemctl restart shutterseal-ingestd.service
alert power
until_inside "after a restart no mail arrives" grep -q '^Subject: shutterseal: camera 101: power$' /var/mail/root
if in_machine sh -c "systemctl is-active -q $runner"; then fail "the runner outlives its daemon"; fi
# A stranger cannot have mail sent.
in_machine useradd --system stranger 2> /dev/null || true
if in_machine setpriv --reuid=stranger --clear-groups /usr/bin/python3 -c "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect('/run/shutterseal-alert/socket')" 2> /dev/null; then fail "a stranger reaches the runner"; fi
in_machine shutterseal camera list | grep -q '^101 .* heard 2' || fail "camera list does not say when it was heard"
