#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linters that take minutes: clang-tidy (.clang-tidy), a line a folder, and cppcheck. From the project's root.
set -u
flags="-std=c++20 -I. $(pkg-config --cflags p11-kit-1)"
export flags
# shellcheck disable=SC2016,SC2086  # the inner shell's, and several words
tidy() {
  find "src/$1" -name '*.cc' -print0 | xargs -0 -P "$(nproc)" -n 4 sh -c 'clang-tidy --quiet "$@" -- $flags -DSHUTTERSEAL_VERSION="\"\"" \
    -DSHUTTERSEAL_SYSCONFDIR="\"\"" -DSHUTTERSEAL_LOCALSTATEDIR="\"\"" -DSHUTTERSEAL_RUNSTATEDIR="\"\"" 2> /dev/null' sh
}
report() {
  if [ -z "$2" ]; then echo "ok lint: $1"; else printf 'not ok lint: %s\n%s\n' "$1" "$2"; fi
}
for folder in src/*/; do
  folder=$(basename "$folder")
  report "clang-tidy src/$folder" "$(tidy "$folder")"
done
report cppcheck "$(cppcheck -q --std=c++20 --language=c++ --enable=warning,performance,portability --inline-suppr -I. --suppress=missingIncludeSystem src test/bench 2>&1)"
# A linter that finds nothing anywhere shows nothing.
trial=$(mktemp -d)
printf 'int f() { int *p = nullptr; return *p; }\n' > "$trial/x.cc"
cp .clang-tidy "$trial/"
if clang-tidy --quiet "$trial/x.cc" -- -std=c++20 2> /dev/null | grep -q NullDereference; then echo "ok lint: clang-tidy sees a fault"; else echo "not ok lint: clang-tidy sees no fault"; fi
rm -r "$trial"
