#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon runs alert-command for events that it stored: its words and environment, no descriptor of ours, no shell; a hostile note is text. A flood is
# counted and not run; a command that hangs is ended with what it started, and so is, in its time, what one that ended left; one that fails is said, one that
# cannot start is tried again; an alarm that a crash kept from its command, waiting or not, is alerted by the next start; nothing is alerted for
# what was refused.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
alert() { shutterseal-upload alert "$@" --root "$(camera_root 101)" --passphrase-file "$passphrase" > "$world/alert.log"; }
conf() { printf 'alert-command = %s\nalert-timeout = 1s\nalert-pause = 1s\n' "$*" > "$server/etc/shutterseal/ingestd.conf"; }
# Each run leaves a file of its environment, its arguments and its descriptors.
calls=$world/calls
mkdir "$calls"
cat > "$world/command" <<C
#!/bin/sh
{ env | sort; echo "args=\$*"; readlink /proc/\$\$/fd/*; echo "session=\$(ps -o pgid= -p \$\$ | tr -d ' ') \$\$"; } > $calls/.\$\$
mv $calls/.\$\$ $calls/\$\$
C
cat > "$world/hanging" <<C
#!/bin/sh
echo \$\$ > $world/hangs
sleep 1000 &
echo \$! > $world/hangs-too
wait
C
cat > "$world/leaving" <<C
#!/bin/sh
sleep 1000 &
echo \$! > $world/left
C
chmod 755 "$world/command" "$world/hanging" "$world/leaving"
ran() { find "$calls" -type f ! -name '.*' | wc -l; }
has_run() { [ "$(ran)" -ge "$1" ]; }
said() { grep -c "$1" "$world/ingestd.log" || true; }
has_said() { [ "$(said "$1")" -ge 1 ]; }
counted() { cat "$calls"/* 2> /dev/null | sed -n 's/^SHUTTERSEAL_COUNT=//p' | awk '{ n += $1 } END { print n + 0 }'; }
has_counted() { [ "$(counted)" -ge "$1" ]; }

make_server
make_camera 101
make_camera 102
quicken_keys 101

# A picture is no alarm, and neither is a heartbeat.
conf "$world/command --to 'nobody \$(id)'"
start_ingestd
take_pictures 101 1
upload 101
alert 'heartbeat 900'
# shellcheck disable=SC2016
note='tamper "; rm -rf $HOME `id` \ camera=999'
alert "$note"
until_true "the command is not run" has_run 1
[ "$(ran)" -eq 1 ] || fail "more than the alarm ran the command"
cat > "$world/wanted" <<'W'
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin
SHUTTERSEAL_CAMERA=101
SHUTTERSEAL_COUNT=1
SHUTTERSEAL_KIND=tamper
SHUTTERSEAL_NOTE=tamper \x22; rm -rf $HOME `id` \x5c camera=999
SHUTTERSEAL_SEQUENCE=3
args=--to 'nobody $(id)'
W
sed '/^PWD=/d;/^SHUTTERSEAL_CHAIN=[0-9a-f]\{32\}$/d;/^SHUTTERSEAL_\(SEALED\|RECEIVED\)=20..-..-..T..:..:..\....Z$/d;/^\//d;/^session=/d;/^_=/d;/^SHLVL=/d;/^OLDPWD=/d' "$calls"/* > "$world/got"
diff "$world/wanted" "$world/got" || fail "the command was told something else"
# Standard input, output and error; the shell has its script, and here the file that it writes.
if grep -h '^/\|^[a-z]*:' "$calls"/* | grep -v "^/dev/null$\|^$world/command$\|^$calls/\.[0-9]*$"; then fail "the command has more descriptors"; fi
awk '/^session=/ { sub("session=", ""); exit $1 != $2 }' "$calls"/* || fail "the command has no process group of its own"
# A line of its own, with the note last.
# shellcheck disable=SC2016
grep -q 'ingestd: alarm camera=101 kind=tamper chain=[0-9a-f]\{8\} seq=3 sealed=[0-9TZ:.-]* note="tamper \\x22; rm -rf \$HOME `id` \\x5c camera=999"$' "$world/ingestd.log" || fail "the alarm's line is not as it must be"
grep -q 'ingestd: alerted camera=101 kind=tamper count=1$' "$world/ingestd.log" || fail "the command's end is not said"

# Twelve events at once, of which each is counted and few run the command.
rm -f "$calls"/*
stop_ingestd
i=0 sealers=''
while [ $i -lt 12 ]; do i=$((i + 1)); alert cover & sealers="$sealers $!"; done
for sealer in $sealers; do wait "$sealer" || fail "an alert of the flood ended with $?"; done
start_ingestd
until_true "not each of the flood is counted: $(counted)" has_counted 12
[ "$(counted)" -eq 12 ] || fail "$(counted) of 12 are counted"
[ "$(ran)" -le 6 ] || fail "twelve events ran the command $(ran) times"

# What is refused is no alarm: another camera's event in this directory.
rm -f "$calls"/*
alarms=$(said 'alarm camera=')
spare=$world/spare.parcel
stop_sshd
shutterseal-upload alert tamper --root "$(camera_root 102)" --passphrase-file "$passphrase" > "$world/alert.log" 2>&1 || true
start_sshd "$world/sshd" "$SSHD_PORT"
cat "$(spool 102)"/*.p7m > "$spare"
mv "$spare" "$server/srv/shutterseal/drop/cam-101/incoming/1-1-00.parcel"
until_true "the foreign event is not refused" has_said 'refused camera=101'
[ "$(said 'alarm camera=') $(ran)" = "$alarms 0" ] || fail "a refused event is an alarm"
stop_ingestd

# A command that hangs.
conf "$world/hanging"
start_ingestd
alert power
until_true "the command does not start" test -s "$world/hangs-too"
until_true "a late command is not said" has_said 'alert-failed camera=101 kind=power count=1 reason="not done in alert-timeout"'
is_gone() { ! kill -0 "$(cat "$1")" 2> /dev/null; }
until_true "a late command goes on" is_gone "$world/hangs"
until_true "what it started goes on" is_gone "$world/hangs-too"
stop_ingestd
# One that ends and leaves something behind.
conf "$world/leaving"
start_ingestd
alert power
until_true "the command does not start" test -s "$world/left"
until_true "what a command left goes on" is_gone "$world/left"
stop_ingestd
# One that fails, and one that is not there yet.
conf /bin/false
start_ingestd
alert power
until_true "a failing command is not said" has_said 'alert-failed camera=101 kind=power count=1 reason="status 1"'
stop_ingestd
conf "$world/later"
start_ingestd
alert power
until_true "a missing command is not said" has_said 'alert-failed .*later'
cp "$world/command" "$world/later"
until_true "an alarm whose command could not start is lost" has_run 1
# A runner that does not start: its configuration is broken, and mended.
rm -f "$calls"/*
stop_ingestd
conf "$world/command"
starts=$(said 'ingestd: started$')
start_ingestd
has_started() { [ "$(said 'ingestd: started$')" -gt "$starts" ]; }
until_true "the daemon does not start" has_started
echo 'alert-comand = typo' > "$server/etc/shutterseal/ingestd.conf"
alert cover
until_true "a runner that ends is not said" has_said 'the alert runner is gone: '
conf "$world/command"
until_true "an alarm whose runner did not start is lost" has_run 1
rm -f "$calls"/*

# Killed between the row and the command: what the last daemon said it had alerted is an hour ago, as after a crash.
kill -KILL "$INGESTD_PID"
wait "$INGESTD_PID" 2> /dev/null || true
INGESTD_PID=''
conf "$world/command"
handled=$server/var/lib/shutterseal/alarms
last=$(sqlite3 "$server/var/lib/shutterseal/index.db" "SELECT max(received_at) FROM envelope WHERE note = 'power'")
printf 'format = 1\nhandled = %s\n' $((last - 1)) > "$handled"
start_ingestd
until_true "what a crash left is not alerted" has_run 1
grep -q 'SHUTTERSEAL_KIND=power' "$calls"/* || fail "another one is alerted"
stop_ingestd
# Killed while an alarm waits for the pause to end: that one is alerted, and not the one before it.
printf 'alert-command = %s/command\nalert-pause = 1h\n' "$world" > "$server/etc/shutterseal/ingestd.conf"
rm -f "$calls"/*
start_ingestd
alert tamper
until_true "the first is not alerted" has_run 1
alert 'tamper again'
digest=$(shutterseal find --root "$server" --kind event --json | grep '"note":"tamper"' | tail -n 1 | sed 's/.*"sha256":"\([0-9a-f]*\)".*/\1/')
until_true "what was alerted is not noted" grep -q "^told = [0-9]* $digest\$" "$handled"
until_true "the second is not said" has_said 'note="tamper again"'
kill -KILL "$INGESTD_PID"
wait "$INGESTD_PID" 2> /dev/null || true
INGESTD_PID=''
rm -f "$calls"/*
start_ingestd
until_true "an alarm that waited is lost" has_run 1
grep -q 'SHUTTERSEAL_NOTE=tamper again' "$calls"/* || fail "another alarm than the one that waited is alerted"
stop_ingestd
[ "$(counted)" -eq 1 ] || fail "what had been alerted is alerted again"
# And never again.
rm -f "$calls"/*
ingest_once
[ "$(ran)" -eq 0 ] || fail "an alarm is alerted twice"
# What was noted is damaged, or of a newer version.
echo xx > "$handled"
expect 0 'alarms. is damaged' shutterseal-ingestd --foreground --once --root "$server"
grep -q '^handled = ' "$handled" || fail "a damaged note is not replaced"
expect 78 'newer' sh -c "echo 'format = 2' > $handled; shutterseal-ingestd --once --root $server"
rm "$handled"

expect 78 'alert-command' env sh -c "echo 'alert-command = mail root' > $server/etc/shutterseal/ingestd.conf; shutterseal-ingestd --root $server -t"
expect 64 'no socket' sh -c "echo 'alert-command = /bin/true' > $server/etc/shutterseal/ingestd.conf; shutterseal-ingestd --root $server --alert-runner 3< /dev/null"
