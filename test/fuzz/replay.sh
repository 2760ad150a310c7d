#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: replay.sh BUILD; from the project's root. Every target, under the address and undefined-behaviour sanitizers, runs on its corpus, on fixed
# changes of it, and on every input that once broke it. One line a target and one a past crash: 'ok …' or 'not ok …'.
# First the controls: what is broken on purpose, or signed but not listed as such, must end the replay.
set -u
programs=$1/bin
failed=0
# In memory where there is one to write to: the registry's files are synced at each input.
if [ -w /dev/shm ]; then trial=$(mktemp -d -p /dev/shm); else trial=$(mktemp -d); fi
trap 'rm -rf "$trial"' EXIT
export TMPDIR="$trial"
unset ASAN_OPTIONS UBSAN_OPTIONS  # what the sanitizers say is read here, and the controls make them say it

result() {  # result NAME STATUS FILE: a line, and what was said when it is bad
  if [ "$2" -eq 0 ]; then echo "ok fuzz: $1"; return; fi
  failed=1
  echo "not ok fuzz: $1"
  tail -25 "$3" | sed 's/^/    /'
}

# sees NAME PROGRAM PATTERN FILE: the program must end badly on FILE, and say why.
sees() {
  status=0
  if "$2" "$4" > "$trial/said" 2>&1 || ! grep -q "$3" "$trial/said"; then status=1; fi
  result "the replay sees $1" $status "$trial/said"
}

for letter in p a u e n; do printf '%s' $letter > "$trial/$letter"; done
sees "a broken promise" "$programs/fuzz-control" 'broken promise' "$trial/p"
sees "a read past the end" "$programs/fuzz-control" 'heap-buffer-overflow' "$trial/a"
sees "undefined behaviour" "$programs/fuzz-control" 'signed integer overflow' "$trial/u"
sees "an exception that nobody catches" "$programs/fuzz-control" 'terminate called' "$trial/e"
"$programs/fuzz-control" "$trial/n" > "$trial/said" 2>&1
result "a harmless input passes" $? "$trial/said"
for file in test/fuzz/control/*/*; do
  target=$(basename "$(dirname "$file")")
  sees "what was never signed for the list: $target" "$programs/fuzz-$target" 'broken promise.*is_genuine' "$file"
done

for source in test/fuzz/target/*.cc; do
  target=$(basename "$source" .cc)
  "$programs/fuzz-$target" --mutations 30 "test/fuzz/corpus/$target" > "$trial/said" 2>&1
  status=$?
  result "$target: $(tail -1 "$trial/said" | grep 'inputs' || echo 'its corpus')" $status "$trial/said"
done
for file in test/fuzz/crashes/*/*; do
  [ -e "$file" ] || continue
  target=$(basename "$(dirname "$file")")
  "$programs/fuzz-$target" "$file" > "$trial/said" 2>&1
  result "$target: $(basename "$file") does no harm" $? "$trial/said"
done
exit $failed
