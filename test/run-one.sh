#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: run-one.sh BUILD SCRIPT: one end-to-end test, one line: 'ok', 'not ok' with the end of what it said and of its programs' logs, or '--' and what it needs
# of the machine and does not get (test/lib/needs.sh): a test that is left out without a need is a failure.
# must-fail-*.sh proves that the harness can see a failure. 99 is no exit code of our programs: a failing command cannot look like it.
name=$(basename "$2" .sh)
log=$1/test-logs/e2e-$name
mkdir -p "$1/test-logs"
started=$(date +%s)
limit=300
[ -z "${LONG:-}" ] || limit=7200
timeout -k 30 "$limit" sh "$2" "$1" > "$log" 2>&1
status=$?
case $name in must-fail-*) if [ $status -eq 1 ]; then status=0; else status=1; fi ;; esac
need=
[ $status -ne 99 ] || need=$(sed -n '$s/^needs: //p' "$log")
case $status${need:+-$need} in
  0) echo "ok e2e: $name ($(($(date +%s) - started)) s)" ;;
  99-?*) echo "-- e2e: $name was not run: needs $need" ;;
  *) printf 'not ok e2e: %s (status %s)\n%s\n' "$name" $status "$({ sed '/^== /,$d' "$log" | tail -30; sed -n '/^== /,$p' "$log" | tail -30; } | sed 's/^/    /')" ;;
esac
