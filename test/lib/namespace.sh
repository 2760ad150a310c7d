# shellcheck shell=sh disable=SC2154,SC2120
# (world, project, build, passphrase and custodian are world.sh's)
# SPDX-License-Identifier: Apache-2.0
# For tests that need accounts, default paths, addresses: mount and net namespaces of their own, as root. Sourced after world.sh.

# Runs the calling test again inside; call it as: enter_namespace "$@"
enter_namespace() {
  if [ -z "${IN_NAMESPACE:-}" ]; then
    needs namespaces
    trap - EXIT
    rm -rf "$world"
    IN_NAMESPACE=1 exec unshare -m -n sh "$0" "$@"
  fi
  ip link set lo up
}

# cover DIRECTORY MOUNT-OPTION...: mounts over DIRECTORY. What the test itself stands on is bound back where it lies below: a clone below /srv, a world below /run.
cover() {
  covered=$1
  shift
  exec 8< "$covered"
  mount "$@" "$covered"
  for kept in "$project" "$build" "$plain" "$world"; do
    case $kept/ in "$covered"/?*) ;; *) continue ;; esac
    [ ! -e "$kept" ] || continue  # the build lies below its project
    mkdir -p "$kept"
    mount --no-canonicalize --bind "/proc/self/fd/8/${kept#"$covered"/}" "$kept"
  done
  exec 8<&-
}

# A copy of /etc stands over the machine's: whole, because tools replace passwd by rename. State and /run are the test's own.
borrow_system() {
  mount --make-rprivate /
  cp -a /etc "$world/etc"
  rm -rf "$world/etc/shutterseal"
  mount --bind "$world/etc" /etc
  mkdir -p "$world/srv" "$world/lib" "$world/run"
  # A mount point must exist on the machine; an empty directory made for it is all that the machine sees.
  mkdir -p /srv /var/lib/shutterseal
  cover /srv --bind "$world/srv"
  cover /var/lib/shutterseal --bind "$world/lib"
  cover /run -t tmpfs tmpfs
  mkdir -p /run/sshd
  chmod 711 "$world"
  sed -i '/^cam-/d;/^shutterseal/d' /etc/passwd /etc/shadow /etc/group /etc/gshadow
}
