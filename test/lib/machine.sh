# shellcheck shell=sh disable=SC2154,SC2120
# (world, project, build, passphrase and custodian are world.sh's)
# SPDX-License-Identifier: Apache-2.0
# A throwaway machine for one test: this system's files below a writable overlay, with processes, network, cgroups and a systemd of its own,
# and shutterseal installed by `make install`. Nothing of it reaches the machine that runs the test. As root. Sourced after world.sh.
#   make_machine       the file system, with shutterseal in it; $root is its root, not yet booted: put configuration there
#   boot_machine       systemd, journald and what the test enabled; waits until it is up
#   in_machine CMD...  runs CMD inside
MACHINE_PID='' MACHINE_CGROUP=''

# Runs the calling test again in a mount namespace, so that the overlay is this test's own; call it as: need_machine "$@"
need_machine() {
  [ -z "${IN_NAMESPACE:-}" ] || { mount --make-rprivate /; return 0; }
  needs machines
  trap - EXIT
  rm -rf "$world"
  IN_NAMESPACE=1 exec unshare -m sh "$0" "$@"
}

make_machine() {
  mount -t tmpfs tmpfs "$world"
  chmod 711 "$world"
  root=$world/root
  mkdir -p "$world/upper" "$world/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$world/upper,workdir=$world/work" "$root"
  # Not the machine's: accounts and files of an installed shutterseal, what it enables, what it mounts.
  rm -rf "$root/etc/shutterseal" "$root/var/lib/shutterseal" "$root/srv/shutterseal" "$root/var/log/journal"
  find "$root/etc/systemd/system" -mindepth 1 -maxdepth 1 -name '*.wants' -exec rm -r {} +
  # Its name has no address, as on many a host: nothing of ours may need one.
  echo machine > "$root/etc/hostname"
  printf '127.0.0.1 localhost\n::1 localhost\n' > "$root/etc/hosts"
  : > "$root/etc/fstab"
  sed -i '/^cam-/d;/^shutterseal/d' "$root/etc/passwd" "$root/etc/shadow" "$root/etc/group" "$root/etc/gshadow"
  mount -t tmpfs tmpfs "$root/tmp"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir "$root/dev/shm" "$root/dev/pts"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mkdir -p "$root/work"
  mount --bind "$project" "$root/work"
  install_built
  mkdir -p "$root/opt/test"
  wanted_units='systemd-journald.service'
}

# Under a sanitizer the module is the plain build's: sshd does not load its runtime.
install_built() {
  # pipefail is not POSIX: make's own words go to a file.
  # Relative: make splits names at spaces.
  make -s -C "$project" install-built BUILD="${build#"$project"/}" PAM_MODULE="${plain#"$project"/}/lib/pam_shutterseal.so" DESTDIR="$root" prefix=/usr > "$world/install.log" 2>&1 ||
    { cat "$world/install.log"; fail "make install"; }
  [ -n "${SANITIZER_RUNTIME:-}" ] || return 0
  # The search for leaks is a ptrace, which the services' own fence forbids.
  mkdir -p "$root/etc/systemd/system.conf.d"
  printf '[Manager]\nDefaultEnvironment=ASAN_OPTIONS=detect_leaks=0\n' > "$root/etc/systemd/system.conf.d/sanitizer.conf"
}

boot_machine() {
  {
    printf '[Unit]\nDefaultDependencies=no\n'
    for unit in $wanted_units; do printf 'Wants=%s\n' "$unit"; done
  } > "$root/etc/systemd/system/test.target"
  # A control group of its own: in one that two machines share, what one's systemd stops or sweeps away is the other's.
  mkdir "$world/cgroup"
  mount -t cgroup2 cgroup2 "$world/cgroup"
  MACHINE_CGROUP=$world/cgroup/$(basename "$world")
  mkdir "$MACHINE_CGROUP"
  # shellcheck disable=SC2016
  sh -c 'echo $$ > "$1/cgroup.procs" && exec unshare -m -p -n -u -i -C -f sh -c "$2" sh "$3"' sh "$MACHINE_CGROUP" '
    mount -t proc proc "$1/proc"
    mount -t sysfs sysfs "$1/sys"
    mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
    ip link set lo up
    cd "$1" && mkdir -p run/old && pivot_root . run/old && umount -l /run/old && cd / && mount --make-rshared /
    container=test exec /lib/systemd/systemd --system --unit=test.target --log-target=journal --show-status=0' "$root" \
    > "$world/systemd.log" 2>&1 &
  MACHINE_UNSHARE=$!
  tries=0
  until MACHINE_PID=$(pgrep -P "$MACHINE_UNSHARE") && in_machine systemctl is-active -q test.target 2> /dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { cat "$world/systemd.log"; fail "the machine does not boot"; }
    sleep 0.1
  done
  [ "$(in_machine sh -c 'command -v shutterseal')" = /usr/bin/shutterseal ] || fail "the machine runs another shutterseal than the installed one"
}

# With a login's PATH: the tests' own begins with the build folder, and where that folder lies on the root file system the machine has it too.
in_machine() { nsenter -t "$MACHINE_PID" -m -p -n -u -i -C -r -w env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

# Waits for a command inside to be true; says what it waited for when it is not within 30 seconds.
until_inside() {
  what=$1
  shift
  tries=0
  until in_machine "$@" > "$world/until" 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { cat "$world/until"; in_machine journalctl --no-pager -n 40 || true; fail "$what"; }
    sleep 0.1
  done
}

stop_machine() {
  [ -n "$MACHINE_PID" ] || return 0
  kill -KILL "$MACHINE_PID" 2> /dev/null
  wait "$MACHINE_UNSHARE" 2> /dev/null
  find "$MACHINE_CGROUP" -depth -type d -exec rmdir {} + 2> /dev/null
  MACHINE_PID=''
}

# The administrator's steps of shutterseal-server(7), inside: accounts, host key, init, services. The authority's keys stay outside, in $custodian.
set_up_server() {
  (umask 077 && openssl rand -hex 16 > "$passphrase")
  shutterseal keys "$custodian" --passphrase-file "$passphrase" > "$world/keys.log" 2>&1
  authority=$(openssl x509 -in "$custodian/authority.pem" -outform DER | sha256sum | cut -d' ' -f1)
  mkdir -p "$root/opt/test/authority"
  cp "$custodian/authority.pem" "$custodian/custodian.pem" "$root/opt/test/authority/"
  in_machine ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/shutterseal/ssh_host_ed25519_key
  in_machine shutterseal init --authority /opt/test/authority/authority.pem --custodian /opt/test/authority/custodian.pem \
    --url "${SERVER_URL:-sftp://127.0.0.1:2022/}" --host-key /etc/shutterseal/ssh_host_ed25519_key.pub "$@" > "$world/init.log" 2>&1 || { cat "$world/init.log"; fail "init"; }
}

# Services started; when one does not, the journal says why.
start_services() { in_machine systemctl start "$@" || { in_machine journalctl --no-pager -n 40; fail "the services do not start"; }; }

# The machine with the shipped sshd and the daemon, for tests that need nothing special before.
make_running_server() {
  make_machine
  boot_machine
  set_up_server
  start_services shutterseal-sshd.service shutterseal-ingestd.service
}
# The same with the FTP server and the services that are named.
make_running_ftp_server() {
  make_machine
  make_tls
  boot_machine
  SERVER_URL=ftps://127.0.0.1/ set_up_server --tls-authority /opt/test/tls/tls-ca.pem
  start_services shutterseal-ftp.service "$@"
}

# A camera, living outside of the server's folders: /opt/test/camera-ID is its root. Key material is opened by $passphrase on both sides.
enrol_in_machine() {
  cp "$passphrase" "$root/opt/test/passphrase"
  [ -e "$root/opt/test/authority/authority.key" ] || cp "$custodian/authority.key" "$root/opt/test/authority/"
  for id; do
    in_machine shutterseal-upload enrol --root "/opt/test/camera-$id" --camera "$id" --passphrase-file /opt/test/passphrase > "$world/enrol-$id.log"
    in_machine shutterseal camera add "$id" --request "/opt/test/camera-$id/var/lib/shutterseal-upload/keys/request.pem" \
      --authority-key /opt/test/authority/authority.key --passphrase-file /opt/test/passphrase --out "/opt/test/bundle-$id" > "$world/add-$id.log"
    in_machine shutterseal-upload accept "/opt/test/bundle-$id" --root "/opt/test/camera-$id" --authority "$authority" > "$world/accept-$id.log"
    mkdir -p "$root/opt/test/camera-$id/var/lib/motion"
    # The camera's SSH key in the clear, for those who stole it.
    openssl pkey -in "$root/opt/test/camera-$id/var/lib/shutterseal-upload/keys/ssh.key" -passin "file:$passphrase" -out "$root/opt/test/stolen-$id" 2>> "$world/enrol-$id.log"
    chmod 600 "$root/opt/test/stolen-$id"
  done
}
picture_in_machine() { make_jpeg "$root/opt/test/camera-$1/var/lib/motion/picture-$2.jpg" 20000 && touch -d '1 minute ago' "$root/opt/test/camera-$1/var/lib/motion/picture-$2.jpg"; }
upload_in_machine() {
  in_machine shutterseal-upload run --root "/opt/test/camera-$1" --passphrase-file /opt/test/passphrase || { status=$?; [ -z "${SAY_WHY:-}" ] || in_machine journalctl --no-pager -n 60; return $status; }
}
stored_in_machine() { find "$root/var/lib/shutterseal/evidence" -name '*.p7m' -path "*/cam-$1/*" 2> /dev/null | wc -l; }
# ssh as an attacker would: from an address, with a key, as a name.
ssh_from() {
  from=$1 key=$2 name=$3
  shift 3
  in_machine ssh -q -b "$from" -i "$key" -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 \
    -p "${SSH_PORT_INSIDE:-2022}" "$name@${SSH_HOST:-127.0.0.1}" "$@" < /dev/null
}

# An FTP server's certificate for 127.0.0.1 and drop.test, by an authority of its own: $world/tls-ca.pem, and both in the machine.
make_tls() {
  mkdir -p "$root/opt/test/tls" "$root/etc/shutterseal"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$world/tls-ca.key" -out "$world/tls-ca.pem" -days 30 -subj /CN=test-authority \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2> "$world/tls.log"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$root/etc/shutterseal/ftp.key" -out "$world/ftp.csr" -subj /CN=drop.test 2>> "$world/tls.log"
  printf 'subjectAltName=DNS:drop.test,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' > "$world/ftp.ext"
  openssl x509 -req -in "$world/ftp.csr" -CA "$world/tls-ca.pem" -CAkey "$world/tls-ca.key" -days 30 -extfile "$world/ftp.ext" -out "$root/etc/shutterseal/ftp.pem" 2>> "$world/tls.log"
  chmod 600 "$root/etc/shutterseal/ftp.key"
  cp "$world/tls-ca.pem" "$root/opt/test/tls/"
}
