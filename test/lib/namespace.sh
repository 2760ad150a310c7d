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

# A copy of /etc stands over the machine's: whole, because tools replace passwd by rename. State and /run are the test's own.
borrow_system() {
  mount --make-rprivate /
  cp -a /etc "$world/etc"
  rm -rf "$world/etc/shutterseal"
  mount --bind "$world/etc" /etc
  mkdir -p "$world/srv" "$world/lib" "$world/run"
  # A mount point must exist on the machine; an empty directory made for it is all that the machine sees.
  mkdir -p /srv /var/lib/shutterseal
  mount --bind "$world/srv" /srv
  mount --bind "$world/lib" /var/lib/shutterseal
  mount -t tmpfs tmpfs /run
  mkdir -p /run/sshd
  chmod 711 "$world"
  sed -i '/^cam-/d;/^shutterseal/d' /etc/passwd /etc/shadow /etc/group /etc/gshadow
}
