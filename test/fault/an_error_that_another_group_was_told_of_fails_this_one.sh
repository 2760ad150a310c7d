#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A disk loses what two groups wrote. syncfs tells the first; by the second's turn it has nothing more to tell, and what was lost must not get a name.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
[ -n "${IN_NAMESPACE:-}" ] || needs loops
enter_namespace "$@"
mkdir "$world/below" "$world/disk"
# The disk is a sparse image on a file system too small for it: writing back fails where writing did not. No journal: one that fails ends it all.
mount -t tmpfs -o size=16m tmpfs "$world/below"
truncate -s 200m "$world/below/image"
mkfs.ext4 -q -F -O ^has_journal "$world/below/image"
mount -o loop "$world/below/image" "$world/disk"
mkfifo "$world/mended"
"$build/test/two-groups" "$world/disk" < "$world/mended" > "$world/said" &
groups=$!
exec 9> "$world/mended"
wait_until 60 "the first group says nothing" grep -q '^first: ' "$world/said"
grep -q '^first: cannot sync' "$world/said" || fail "$(cat "$world/said"): the trial's disk does not fail"
mount -o remount,size=200m "$world/below"
echo >&9
wait "$groups" || fail "$(cat "$world/said"): files that were lost got their names"
grep -q '^second: cannot sync' "$world/said" || fail "$(cat "$world/said")"
[ -z "$(find "$world/disk" -name "[1-5]")" ] || fail "names were left behind"
umount "$world/disk"
