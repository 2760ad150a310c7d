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
every_program_has_a_page() {
  for page in shutterseal.1 shutterseal-upload.1 shutterseal-ingestd.8 shutterseal-upload.conf.5 shutterseal-ingestd.conf.5 shutterseal-envelope.5 pam_shutterseal.8; do
    [ -s "man/$page" ] || { echo "man/$page is missing"; return 1; }
  done
}

check "folders use only what the table allows" /usr/bin/python3 scripts/check-folders.py
check "the folder check sees a breach" folder_check_sees_a_breach
check "every source has its licence line" every_source_has_a_licence_line
check "shellcheck is clean" shellcheck_is_clean
check "mandoc -Tlint is clean" man_pages_are_clean
check "every program and file has its page" every_program_has_a_page
check "this libcrypto refuses a forged AuthEnvelopedData (CVE-2026-34182)" sh scripts/check-libcrypto.sh
exit $failed
