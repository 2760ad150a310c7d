#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Write, sync, link, sync the directory, transaction, receipt, unlink: both programs keep the order, and a reader that takes a sync for not done
# misses it.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
needs memory  # strace reads the names from it
make_templates
begin_with daemon
run_victim daemon "$world/daemon.trace" 2> "$world/ingestd.log"
begin_with uploader
start_ingestd
run_victim uploader "$world/uploader.trace"
for program in daemon uploader; do in_order "$world/$program.trace" || fail "$program: out of order"; done

# needed PROGRAM PATTERN BREACH: without the syncs of these paths there must be a breach, and this one.
needed() {
  status=0
  in_order --blind "$2" "$world/$1.trace" > "$world/said" || status=$?
  [ $status -eq 1 ] || fail "$1 without the sync of $2 gave $status, not 1"
  grep -q "breach: $3" "$world/said" || { cat "$world/said"; fail "$1 without the sync of $2: not '$3'"; }
}
needed daemon '#' 'a name before its octets'
needed daemon 'evidence/.*/[0-9]{2}$' 'a row before the names'
needed daemon 'index.db-wal' 'a receipt before its rows'
needed daemon 'receipts$' 'a drop removed before the receipt'
needed uploader '#' 'a name before its octets'
# One syncfs for several envelopes does for the claims and the list, too.
needed uploader 'claimed$|/#' 'an envelope before the claim'
needed uploader 'state$|/#' 'an envelope before the list'
needed uploader 'state$' 'an envelope removed before the receipt'
needed uploader 'spool$' 'an original removed before its envelope'
