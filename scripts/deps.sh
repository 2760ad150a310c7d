#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs, by name, what a list needs on Debian 12 or 13 and is missing; says so first. Starts no service, changes no enablement.
# usage: deps.sh build|demo|check|bench|fuzz|long
set -eu
here=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)

# 12's name|13's name, where they differ.
build_packages="autoconf g++ make pkg-config libssl-dev libcurl4-openssl-dev libsqlite3-dev libseccomp-dev libfmt-dev
  libboost-program-options-dev nlohmann-json3-dev doctest-dev libpam0g-dev libcrypt-dev libssh2-1-dev
  libtss2-dev libp11-kit-dev"
demo_packages="openssl openssh-server openssh-client openssh-sftp-server motion"
check_packages="gnutls-bin python3 python3-asn1crypto python3-cryptography mandoc sqlite3 iproute2 shellcheck
  pamtester libpam-wrapper libnss-wrapper fail2ban nftables proftpd-core proftpd-mod-crypto ssh-audit python3-systemd
  rsyslog logrotate curl systemd procps bsdutils valgrind strace e2fsprogs xfsprogs gcc
  swtpm libtss2-tcti-swtpm0|libtss2-tcti-swtpm0t64 tpm2-tools tpm2-openssl softhsm2 opensc"

bench_packages="rsync"
fuzz_packages="clang-14|clang-19 libclang-rt-14-dev|libclang-rt-19-dev python3 python3-cryptography"
long_packages="clang-tidy cppcheck"

case ${1:-build} in
  build) wanted=$build_packages ;;
  demo) wanted="$build_packages $demo_packages" ;;
  check) wanted="$build_packages $demo_packages $check_packages" ;;
  bench) wanted="$build_packages $demo_packages $check_packages $bench_packages" ;;
  fuzz) wanted="$build_packages $fuzz_packages" ;;
  long) wanted="$build_packages $demo_packages $check_packages $fuzz_packages $long_packages" ;;
  *) echo "usage: deps.sh build|demo|check|bench|fuzz|long" >&2; exit 64 ;;
esac

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
is_on_offer() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }
# name_here NAME[|NAME]: the one that this system has, or offers.
name_here() {
  if is_installed "${1#*|}" || { ! is_installed "${1%|*}" && is_on_offer "${1#*|}"; }; then echo "${1#*|}"; else echo "${1%|*}"; fi
}

missing=
for package in $wanted; do
  is_installed "${package%|*}" || is_installed "${package#*|}" || missing="$missing $package"
done

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

enabled_units() { find /etc/systemd/system -type l -path '*.wants/*' 2>/dev/null; }

# A package's own start script must not start its service here (sshd, motion): policy-rc.d is the Debian way to say no.
# It is put in place for the one call of apt-get, and only where there is none.
install_packages() {
  policy=/usr/sbin/policy-rc.d
  ours=no
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    ours=yes
  fi
  enabled=$(enabled_units)
  status=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" || status=$?
  [ $ours = no ] || as_root rm -f $policy
  # A package enables its own service (fail2ban, proftpd): undone, so that the next boot starts nothing that this one did not.
  for link in $(enabled_units); do
    case " $(echo "$enabled" | tr '\n' ' ') " in
      *" $link "*) ;;
      *) as_root rm -f "$link" ;;
    esac
  done
  return $status
}

updated=no
update_lists() {
  [ $updated = yes ] || as_root apt-get update -q
  updated=yes
}

if [ -n "$missing" ]; then
  update_lists
  names=
  for package in $missing; do names="$names $(name_here "$package")"; done
  echo "deps: installing:$names"
  # Word splitting is wanted: a list of names.
  # shellcheck disable=SC2086
  install_packages $names
else
  echo "deps: nothing is missing"
fi

# Debian's vsftpd, to be shown wanting, and a small mail system: their packages would take the place of this machine's, so they are fetched and not
# installed.
case ${1:-build} in check | long)
  store=$here/${BUILD:-build}/packages
  case ${BUILD:-build} in /*) store=$BUILD/packages ;; esac
  for package in vsftpd dma; do
    if ! ls "$store/$package"_*.deb > /dev/null 2>&1; then
      echo "deps: fetching: $package"
      update_lists
      mkdir -p "$store"
      (cd "$store" && apt-get download -q "$package")
    fi
  done
  ;;
esac

# CVE-2026-34182: a libcrypto that accepts a one-octet tag in AuthEnvelopedData is found by what it does, not by its version.
if ! sh "$here/scripts/check-libcrypto.sh"; then
  library=$(name_here 'libssl3|libssl3t64')
  echo "deps: upgrading: openssl $library libssl-dev (this libcrypto accepts a forged AuthEnvelopedData, CVE-2026-34182)"
  update_lists
  install_packages openssl "$library" libssl-dev
  sh "$here/scripts/check-libcrypto.sh" ||
    echo "deps: warning: no fixed libcrypto is on offer; stock 'openssl cms -decrypt' on this host accepts forgeries" >&2
fi
