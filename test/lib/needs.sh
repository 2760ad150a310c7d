# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What a test needs of the machine beside ordinary rights. Each is tried by doing it, so that a test is left out where it cannot run and nowhere else.
# needs WHAT...: ends the calling test with 99, 'needs: WHAT' being its last line, at the first that is missing; run-one.sh and run.sh make words of it.
# Alone: sh test/lib/needs.sh has WHAT.

words_of_need() {
  case $1 in
    root) echo "root" ;;
    namespaces) echo "mount and network namespaces of their own, as root (CAP_SYS_ADMIN; in a chroot, one that is a mount point)" ;;
    machines) echo "a machine of their own: namespaces, overlayfs and a writable cgroup2 tree, as root (CAP_SYS_ADMIN)" ;;
    loops) echo "loop devices with file systems in them, as root (CAP_SYS_ADMIN)" ;;
    devices) echo "device nodes, as root (CAP_MKNOD)" ;;
    memory) echo "another process's memory, as root (CAP_SYS_PTRACE)" ;;
    *) echo "what nobody knows: '$1'" ;;
  esac
}

# try_need DIRECTORY SCRIPT: in namespaces of its own, DIRECTORY being its to use.
try_need() { unshare -m -n sh -c "mount -t tmpfs tmpfs \"\$1\" && cd \"\$1\" && $2" sh "$1"; }
has_need() {
  [ "$(id -u)" -eq 0 ] || return 1
  trial=$(mktemp -d)
  status=0
  case $1 in
    root) ;;
    namespaces) try_need "$trial" 'ip link set lo up && mkdir a b && mount --bind a b && mount --make-rprivate /' ;;
    machines)
      try_need "$trial" 'mkdir u w o c && mount -t overlay overlay -o lowerdir=/,upperdir=u,workdir=w o && unshare -p -u -i -C -f true &&
        mount -t cgroup2 cgroup2 c && mkdir "c/needs-$$" && rmdir "c/needs-$$"' ;;
    loops) try_need "$trial" 'truncate -s 1M image && mkfs.ext4 -q image && mkdir disk && mount -o loop image disk && umount disk' ;;
    devices) mknod "$trial/null" c 1 3 && : > "$trial/null" ;;
    memory) [ $((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) >> 19 & 1)) -eq 1 ] ;;  # of one that forbids dumps: no trial is quicker than the bit
    *) ;;  # nobody lacks what nobody knows: a test that is left out for it is a failure
  esac > /dev/null 2>&1 || status=1
  rm -rf --one-file-system "$trial"
  return $status
}
needs() {
  for need; do
    has_need "$need" || { echo "needs: $need"; exit 99; }
  done
}

case ${0##*/} in
  needs.sh)
    [ "$1" = has ] || exit 64
    has_need "$2"
    ;;
esac
