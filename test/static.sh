#!/bin/sh
# shellcheck disable=SC2317
# (the functions below are called through check)
# SPDX-License-Identifier: Apache-2.0
# The checks that read and do not run: one line a check, 'ok NAME' or 'not ok NAME'. Run from the project's root.
set -u
failed=0
check() {
  name=$1
  shift
  if output=$("$@" 2>&1); then echo "ok static: $name"; else
    failed=1
    echo "not ok static: $name"
    printf '%s\n' "$output" | sed 's/^/    /'
  fi
}

shell_files() { git ls-files '*.sh' 2>/dev/null | grep . || find . -name '*.sh' -not -path './build*'; }
every_source_has_a_licence_line() {
  missing=$(find src test demo scripts -type f \( -name '*.cc' -o -name '*.h' -o -name '*.sh' -o -name '*.py' \) -exec grep -L 'SPDX-License-Identifier: Apache-2.0' {} +)
  [ -z "$missing" ] || { echo "$missing"; return 1; }
}
shellcheck_is_clean() { shell_files | xargs shellcheck -x; }
man_pages_are_clean() {
  for page in man/*.[1-8]; do mandoc -Tlint -W warning "$page" || return 1; done
}
# The table must refuse what it forbids, or it shows nothing.
folder_check_sees_a_breach() {
  trial=$(mktemp -d)
  mkdir -p "$trial/src/base"
  printf '#include <openssl/evp.h>\n#include "src/envelope/keys.h"\n' > "$trial/src/base/x.cc"
  breaches=$(/usr/bin/python3 scripts/check-folders.py "$trial")
  rm -rf "$trial"
  [ "$(printf '%s\n' "$breaches" | wc -l)" -eq 2 ]
}
# As it was: without the sign that hides the camera's part of the primary key, each new envelope read every row of its camera.
query_check_sees_a_scan() {
  trial=$(mktemp)
  sed 's/+camera/camera/' src/ledger/index.cc > "$trial"
  scans=$(/usr/bin/python3 scripts/check-queries.py "$trial")
  rm -f "$trial"
  printf '%s\n' "$scans" | grep -q 'PRIMARY KEY (camera=?)'
}
# One way to speak: what is lost is noticed, and what a stranger had a hand in is made printable.
standard_output_has_one_door() {
  ways='fmt::print\((stdout|[^s])|std::cout|[^fn]printf\(|puts\("|putchar'
  ! grep -rnE "$ways" src --include='*.cc' --include='*.h' | grep -vE 'sftp_probes.cc|stderr'
}
every_program_has_a_page() {
  for page in shutterseal.1 shutterseal-upload.1 shutterseal-ingestd.8 shutterseal-upload.conf.5 shutterseal-ingestd.conf.5 shutterseal-envelope.5 pam_shutterseal.8 shutterseal-doctor.1 shutterseal-server.7; do
    [ -s "man/$page" ] || { echo "man/$page is missing"; return 1; }
  done
}

# The samples through fail2ban's own code; what its own tool says of the expressions is a check that they compile.
fail2ban_filters_match_their_samples() { /usr/bin/python3 test/lib/check-failjson.py scripts/fail2ban test/fail2ban; }
# fail2ban's own tool finds as many as the samples say.
fail2ban_regex_agrees() {
  for sample in test/fail2ban/*; do
    wanted=$(grep -c '"match": true' "$sample")
    found=$(fail2ban-regex "$sample" "scripts/fail2ban/filter.d/$(basename "$sample").conf" | sed -n 's/^Lines: .* \([0-9]*\) matched.*/\1/p')
    [ "$found" = "$wanted" ] || { echo "$sample: fail2ban-regex finds $found, not $wanted"; return 1; }
  done
}
rsyslog_and_logrotate_take_their_files() {
  trial=$(mktemp -d)
  cp etc/logrotate.d/shutterseal "$trial/rotate"
  chmod 644 "$trial/rotate"
  { echo 'module(load="imuxsock")'; cat etc/rsyslog.d/shutterseal.conf; } > "$trial/rsyslog"
  status=0
  said=$(rsyslogd -N1 -f "$trial/rsyslog" 2>&1) || { echo "$said"; status=1; }
  said=$(logrotate -d "$trial/rotate" 2>&1) || status=1
  case $said in *error:*) echo "$said"; status=1 ;; esac
  rm -rf "$trial"
  return "$status"
}
# A filter that takes an address from a stranger's words must be seen.
fail2ban_check_sees_a_wrong_host() {
  trial=$(mktemp -d)
  cp -r scripts/fail2ban/filter.d "$trial/"
  sed -i 's/rhost=<ADDR> user=.*/.*user=".*<ADDR>.*"$/' "$trial/filter.d/shutterseal-pam.conf"
  if /usr/bin/python3 test/lib/check-failjson.py "$trial" test/fail2ban > "$trial/said" 2>&1; then rm -rf "$trial"; return 1; fi
  grep -q '10.0.0.1' "$trial/said"
  seen=$?
  rm -rf "$trial"
  return "$seen"
}
filled() { sed -e 's,@bindir@,/usr/bin,g;s,@sbindir@,/usr/sbin,g;s,@helperdir@,/usr/libexec/shutterseal,g;s,@sysconfdir@,/etc,g' "$1"; }
units_are_well_formed() {
  trial=$(mktemp -d)
  for unit in etc/systemd/*; do filled "$unit" | sed -E 's,^(ExecStart|ExecStartPre|ExecReload)=/usr/[^ ]*,\1=/bin/true,' > "$trial/$(basename "$unit")"; done
  said=$(systemd-analyze verify --man=no "$trial"/* 2>&1 | grep "$trial\|shutterseal" || true)
  rm -rf "$trial"
  [ -z "$said" ] || { echo "$said"; return 1; }
}
# exposure UNIT MOST: systemd's own measure, with its words for what is missing.
exposure() {
  trial=$(mktemp -d)
  filled "etc/systemd/$1" > "$trial/$1"
  threshold=$(awk "BEGIN { print $2 * 10 }")
  status=0
  said=$(systemd-analyze security --no-pager --offline=true --threshold="$threshold" "$trial/$1" 2>&1) || status=1
  rm -rf "$trial"
  [ "$status" -eq 0 ] || { echo "$said" | tail -3; return 1; }
}
units_are_fenced_in() { exposure shutterseal-ingestd.service 1.5 && exposure shutterseal-upload.service 2.0 && exposure shutterseal-upload-run.service 2.0 && exposure shutterseal-renew.service 2.0; }
exposure_check_sees_a_gap() { ! exposure shutterseal-sshd.service 1.5 > /dev/null; }
sshd_config_is_good() {
  trial=$(mktemp -d)
  ssh-keygen -q -t ed25519 -N '' -f "$trial/key"
  sed "s,^HostKey .*,HostKey $trial/key," etc/sshd/sshd_config > "$trial/own"
  { printf 'HostKey %s\n' "$trial/key"; cat etc/sshd/shared-host.conf; } > "$trial/shared"
  status=0
  for form in own shared; do
    said=$(/usr/sbin/sshd -t -f "$trial/$form" 2>&1) || status=1
    # Without /run/sshd it cannot say more; every line was read by then.
    case $said in *'privilege separation'*) status=0 ;; '') ;; *) echo "$said"; status=1 ;; esac
  done
  rm -rf "$trial"
  return "$status"
}

check "folders use only what the table allows" /usr/bin/python3 scripts/check-folders.py
check "the folder check sees a breach" folder_check_sees_a_breach
check "the index finds by a key what it is asked for each envelope" /usr/bin/python3 scripts/check-queries.py
check "the query check sees a scan" query_check_sees_a_scan
check "every source has its licence line" every_source_has_a_licence_line
check "shellcheck is clean" shellcheck_is_clean
check "mandoc -Tlint is clean" man_pages_are_clean
check "programs speak through base/output.h alone" standard_output_has_one_door
check "every program and file has its page" every_program_has_a_page
check "fail2ban's filters match their samples" fail2ban_filters_match_their_samples
check "fail2ban-regex finds as many" fail2ban_regex_agrees
check "rsyslogd -N1 and logrotate -d take their files" rsyslog_and_logrotate_take_their_files
check "the filters' check sees a wrong host" fail2ban_check_sees_a_wrong_host
check "systemd-analyze verify is clean" units_are_well_formed
check "exposure: daemon at most 1.5, uploader and renewal 2.0" units_are_fenced_in
check "the exposure check sees a gap" exposure_check_sees_a_gap
check "sshd -t takes both forms of the configuration" sshd_config_is_good
check "this libcrypto refuses a forged AuthEnvelopedData (CVE-2026-34182)" sh scripts/check-libcrypto.sh
exit $failed
