#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh BUILD KIND...   (static, unit, e2e); from the project's root.
# Runs everything of those kinds, goes on after a failure, and ends with one line: 'N passed, N failed'.
set -u
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

# One script, one behaviour. must-fail-*.sh proves that the harness can see a failure.
run_e2e() {
  for script in test/e2e/*.sh; do
    name=$(basename "$script" .sh)
    started=$(date +%s)
    timeout 90 sh "$script" "$build" > "$logs/e2e-$name" 2>&1
    status=$?
    case $name in must-fail-*) if [ $status -eq 1 ]; then status=0; else status=1; fi ;; esac
    if [ $status -eq 0 ]; then
      passed=$((passed + 1))
      echo "ok e2e: $name ($(($(date +%s) - started)) s)"
    elif [ $status -eq 99 ]; then  # no exit code of our programs: a failing command cannot look like this
      needs_root=$((${needs_root:-0} + 1))
      echo "-- e2e: $name needs root: not run"
    else
      failed=$((failed + 1))
      echo "not ok e2e: $name (status $status)"
      tail -30 "$logs/e2e-$name" | sed 's/^/    /'
    fi
  done
}

for kind; do
  case $kind in
    static) run_static ;;
    unit) run_unit ;;
    e2e) run_e2e ;;
    *) echo "run.sh: unknown kind '$kind'" >&2; exit 64 ;;
  esac
done
[ $((passed + failed)) -gt 0 ] || { echo "no test was run"; failed=1; }
echo "$passed passed, $failed failed${needs_root:+, $needs_root need root and were not run}"
[ $failed -eq 0 ]
