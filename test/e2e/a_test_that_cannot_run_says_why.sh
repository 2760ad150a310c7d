#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The runner itself, over a project of four tests: where rights are missing the tests that need them are left out, counted and told by what they need, and the
# others run. A test that is left out although it could run, or that names no need, is a failure: on a machine that gives everything nothing is left out.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
mkdir -p "$world/project/test/e2e" "$world/project/test/fault" "$world/project/build"
cp -r "$project/test/lib" "$project/test/run.sh" "$project/test/run-one.sh" "$world/project/test/"
cd "$world/project"
a_test() { printf '#!/bin/sh\n%s\n' "$2" > "test/e2e/$1.sh"; }
a_test needs_nothing 'exit 0'
# shellcheck disable=SC2016
a_test needs_a_machine '. "$(dirname "$0")/../lib/needs.sh"; needs machines'
run_as() { "$@" sh test/run.sh build e2e > "$world/said" 2>&1; }
last_line() { tail -1 "$world/said"; }
says() { grep -q -- "$1" "$world/said" || { cat "$world/said"; fail "the runner does not say '$1'"; }; }

# As root of a container: no CAP_SYS_ADMIN. An ordinary user has no more.
if [ "$(id -u)" -eq 0 ]; then set -- setpriv --bounding-set=-sys_admin; else set --; fi
run_as "$@" || { cat "$world/said"; fail "a test that cannot run is a failure"; }
says '^ok e2e: needs_nothing'
says '^-- e2e: needs_a_machine was not run: needs machines$'
says '^-- 1 tests were not run, because they need a machine of their own: .*CAP_SYS_ADMIN'
[ "$(last_line)" = '1 passed, 0 failed, 1 need what this machine lacks and were not run' ] || fail "the last line is: $(last_line)"

# With all rights nothing is left out.
if sh test/lib/needs.sh has machines; then
  run_as env || { cat "$world/said"; fail "with all rights a test fails"; }
  [ "$(last_line)" = '2 passed, 0 failed' ] || fail "the last line is: $(last_line)"
fi

# Left out without a reason: a need that is served, then none at all, then one that nobody knows.
if [ "$(id -u)" -eq 0 ]; then
  a_test hides 'echo "needs: root"; exit 99'
  if run_as env; then cat "$world/said"; fail "a test hides behind a need that is served"; fi
  says '^not ok left out without a reason'
fi
a_test hides 'exit 99'
if run_as env; then cat "$world/said"; fail "a test is left out and names no need"; fi
says '^not ok e2e: hides (status 99)'
a_test hides 'echo "needs: sunshine"; exit 99'
if run_as env; then cat "$world/said"; fail "a test is left out for a need that nobody knows"; fi
