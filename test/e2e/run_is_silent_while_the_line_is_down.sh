#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cron starts `run` each minute and mails what it prints: while the line is down, in whatever way, it prints nothing and ends with 0, and status has the
# reason. What lasts for a day is said once a day. An answer that says no is said each time.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
make_world_behind_proxy
excuse_cut_lines
conf=$(camera_root 101)/etc/shutterseal/upload.conf
link=$(camera_root 101)/var/lib/shutterseal-upload/state/link
mkdir -p "$(dirname "$conf")"
printf 'connect-timeout = 1s\nstall-timeout = 1s\n' > "$conf"
is_silent() {
  ! has_drained 101 || take_pictures 101 1 3000
  upload 101 > "$world/said" 2>&1 || { cat "$world/said"; fail "$1: run gives $?"; }
  [ ! -s "$world/said" ] || { cat "$world/said"; fail "$1: run prints"; }
  ! has_drained 101 || return 0  # the line came back within the run
  case $(shutterseal-upload status --root "$(camera_root 101)" --json) in
    *'"last_error":null'*) fail "$1: status has no reason" ;;
  esac
}
start_ingestd
take_pictures 101 1 3000
order_next record
upload 101
steps=$(grep '^step' "$world/proxy.steps" | cut -d' ' -f2,3 | tr ' ' ,)
[ "$(echo "$steps" | wc -l)" -ge 12 ] || fail "the recorded pass has too few steps: $steps"

# Cut at every other step, in the middle of a request or with the answer lost; then silence.
n=0
for step in $steps; do
  n=$((n + 1))
  if [ $((n % 2)) -ne 0 ] || [ "${step%,*}" -le 1 ]; then continue; fi
  order_next deaf "${step%,*}"
  is_silent "the answer of step $n is lost"
done
[ "$(faults)" -ge 6 ] || fail "only $(faults) cuts took place"
order_next silent 1
is_silent 'the line is dead'

# Nobody there.
kill -STOP "$(echo "$HELPERS" | awk '{ print $1 }')"
is_silent 'nobody answers'
kill -CONT "$(echo "$HELPERS" | awk '{ print $1 }')"
end_helper "$(echo "$HELPERS" | awk '{ print $1 }')"
is_silent 'refused'

# For a day: once, and not again; the status stays 0.
sed -i "s/^down-since = .*/down-since = $(($(date +%s -d '25 hours ago') * 1000))/" "$link"
expect 0 'no-contact since=20.* waiting=[1-9][0-9]* reason=' upload 101
[ "$(wc -l < "$world/said")" -eq 1 ] || fail "more than a line is said"
is_silent 'said already'
