#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon under valgrind while it takes, judges, refuses, stores and finds duplicates: no invalid access, nothing lost for good. Its
# workers run outside of it: valgrind's own system calls are none that their sandbox allows.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# What carries a sanitizer cannot run under valgrind: the plain build.
make_server
make_camera 101
take_pictures 101 3
printf 'receipt-timeout = 1s\n' > "$world/upload.conf"
expect 75 'no receipt yet' shutterseal-upload run --root "$(camera_root 101)" --passphrase-file "$passphrase" --config "$world/upload.conf"
incoming=$server/srv/shutterseal/drop/cam-101/incoming
head -c 3000 /dev/urandom > "$incoming/1-1-0123456789abcdef.parcel"

# Under valgrind /proc/self/exe is valgrind.
cat > "$world/exe.c" << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const argv[],
                char *const envp[]) {
  int (*next)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[], char *const[]) =
      dlsym(RTLD_NEXT, "posix_spawn");
  return next(pid, strcmp(path, "/proc/self/exe") == 0 ? getenv("PROGRAM") : path, actions, attributes, argv, envp);
}
END
cc -shared -fPIC -o "$world/exe.so" "$world/exe.c"
for pass in 1 2; do
  LD_PRELOAD=$world/exe.so PROGRAM=$plain/bin/shutterseal-ingestd valgrind -q --error-exitcode=97 --leak-check=full --errors-for-leak-kinds=definite \
    --log-file="$world/valgrind-$pass.log" "$plain/bin/shutterseal-ingestd" --root "$server" --once --foreground 2>> "$world/ingestd.log"
  grep -h '==' "$world/valgrind-$pass.log" && fail "valgrind found something"
  for envelope in "$(spool 101)"/*.p7m; do cp "$envelope" "$incoming/"; done  # the second pass finds duplicates
done
all_pictures_are_evidence
grep -q 'refused camera=101 verdict=malformed' "$world/ingestd.log" || fail "the refusal was not seen"
