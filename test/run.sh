#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh BUILD KIND...   (static, unit, fuzz, e2e, sanitized, reports, lint); from the project's root.
# Runs everything of those kinds, goes on after a failure, and ends with one line: 'N passed, N failed'.
set -u
# shellcheck source=test/lib/needs.sh
. test/lib/needs.sh
build=$1
shift
passed=0 failed=0
logs=$build/test-logs
mkdir -p "$logs"

count_lines() {  # a file of 'ok …' and 'not ok …' lines
  passed=$((passed + $(grep -c '^ok ' "$1")))
  failed=$((failed + $(grep -c '^not ok ' "$1")))
}

run_static() {
  sh test/static.sh > "$logs/static" 2>&1
  cat "$logs/static"
  count_lines "$logs/static"
}

run_fuzz() {
  sh test/fuzz/replay.sh "$build/asan" > "$logs/fuzz" 2>&1
  cat "$logs/fuzz"
  count_lines "$logs/fuzz"
}

# doctest's own count of test cases is what is counted; a program that dies before printing it is one failure.
run_unit() {
  for program in "$build"/test/unit-*; do
    case $program in *.*) continue ;; esac
    name=$(basename "$program")
    "$program" --no-colors=true > "$logs/$name" 2>&1
    line=$(grep '^\[doctest\] test cases:' "$logs/$name")
    good=$(echo "$line" | sed -n 's/.*| *\([0-9]*\) passed.*/\1/p')
    bad=$(echo "$line" | sed -n 's/.*| *\([0-9]*\) failed.*/\1/p')
    if [ -z "$line" ]; then good=0 bad=1; fi
    [ "$bad" -eq 0 ] || cat "$logs/$name"
    echo "unit: $name: $good passed, $bad failed"
    passed=$((passed + good)) failed=$((failed + bad))
  done
}

# run_e2e NAMES (a regular expression): one script, one behaviour, one more at a time than there are cores, since most of them wait for timeouts: each has a world of its own. The fault trials, which take longest, begin.
run_e2e() {
  : > "$logs/e2e"
  find test/e2e test/fault -name '*.sh' | grep -E "/($1)\.sh\$" | sort -r | xargs -P "$(($(nproc) + 1))" -n 1 sh test/run-one.sh "$build" > "$logs/e2e" &
  runner=$!
  tail -f --pid=$runner -n +1 "$logs/e2e"
  wait $runner
  count_lines "$logs/e2e"
  grep '^-- ' "$logs/e2e" >> "$left_out"
}

# BUILD/asan: unit tests, the main job once through every program, and lines that die, at which libraries forget memory.
run_sanitized() {
  plain=$build build=$build/asan
  mkdir -p "$build/test-logs"
  run_unit
  run_e2e 'pictures_travel_from_capture_to_evidence|a_transfer_has_its_limits|silent_line_at_each_step_is_given_up'
  build=$plain
}

# What a sanitizer wrote is a failure, even of a process whose end nobody looked at.
check_reports() {
  if reports=$(ls "$logs"/sanitizer.* 2> /dev/null); then
    cat "$logs"/sanitizer.* | head -100
    echo "not ok sanitizer: $(echo "$reports" | wc -l) reports"
    failed=$((failed + 1))
  else
    echo "ok sanitizer: no report"
    passed=$((passed + 1))
  fi
}

run_lint() {
  sh test/lint.sh > "$logs/lint" 2>&1
  cat "$logs/lint"
  count_lines "$logs/lint"
}

# What was left out, by what it needs. A need that this machine serves is no reason: a test that could run must not hide behind one.
report_left_out() {
  sed 's/.* needs //' "$left_out" | sort -u > "$logs/needs"
  while read -r need; do
    count=$(grep -c " needs $need\$" "$left_out")
    echo "-- $count tests were not run, because they need $(words_of_need "$need")"
    if has_need "$need"; then
      echo "not ok left out without a reason: this machine has what they need"
      failed=$((failed + 1))
    fi
  done < "$logs/needs"
}

left_out=$logs/left-out
: > "$left_out"
rm -f "$logs"/sanitizer.*
for sanitizer in ASAN UBSAN TSAN; do export "${sanitizer}_OPTIONS=log_path=\"$(realpath "$logs")/sanitizer\""; done
# PBKDF2 frees a million pieces: kept in a quarantine of 256 MiB, the default, they double and triple the time of each program's start.
export ASAN_OPTIONS="$ASAN_OPTIONS:quarantine_size_mb=4"
for kind; do
  case $kind in
    static) run_static ;;
    unit) run_unit ;;
    fuzz) run_fuzz ;;
    e2e) run_e2e '.*' ;;
    sanitized) run_sanitized ;;
    reports) check_reports ;;
    lint) run_lint ;;
    *) echo "run.sh: unknown kind '$kind'" >&2; exit 64 ;;
  esac
done
[ $((passed + failed)) -gt 0 ] || { echo "no test was run"; failed=1; }
report_left_out
left=$(wc -l < "$left_out")
[ "$left" -gt 0 ] || left=
echo "$passed passed, $failed failed${left:+, $left need what this machine lacks and were not run}"
[ $failed -eq 0 ]
