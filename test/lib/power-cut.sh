# shellcheck shell=sh disable=SC2154
# (world, server, evidence, build and project are world.sh's, receipts is fault.sh's)
# SPDX-License-Identifier: Apache-2.0
# Two machines, a camera and a server, whose disks lose what was not synced. Sourced after world.sh.
# shellcheck source=test/lib/namespace.sh
. "$project/test/lib/namespace.sh"
# shellcheck source=test/lib/fault.sh
. "$project/test/lib/fault.sh"
excuse_cut_lines
# Everything random comes from SEED, which is printed; the moment of a cut among the programs' steps does not.
SEED=${SEED:-$(shuf -i 1-999999999 -n 1)}
SHUTTER_PID='' UPLOAD_PID='' preload=''
camera=$(camera_root 101)

# rand N: sets `drawn` to 0..N-1. No subshell, or the sequence would stand still.
rand() {
  SEED=$(((SEED * 1103515245 + 12345) % 2147483648))
  drawn=$((SEED / 65536 % $1))
}

# disk NAME MOUNTPOINT: in memory and sparse; room for what a camera takes in a hundred cuts on a slow machine.
disk() {
  truncate -s 2G "$world/disks/$1"
  "mkfs.$file_system" -q "$world/disks/$1"
  mkdir -p "$2"
  mount -o loop "$world/disks/$1" "$2"
}

# Together: a machine has one disk. Apart: pictures, spool, drops and evidence each have one, and no journal orders one after another.
make_disks() {
  layout=$1
  mkdir -p "$world/disks"
  mount -t tmpfs tmpfs "$world/disks"
  disk camera "$camera/var/lib"
  disk server "$server/var/lib"
  mkdir -p "$server/var/lib/srv" "$server/srv"
  if [ "$layout" = apart ]; then
    disk capture "$camera/var/lib/motion"
    disk drop "$server/srv"
  else
    mount --bind "$server/var/lib/srv" "$server/srv"
  fi
}
# Those of them that still run: one may have ended by itself.
processes_of() {
  # shellcheck disable=SC2086  # empty where it does not run
  case $1 in
    camera) set -- $SHUTTER_PID $UPLOAD_PID ;;
    server) set -- $INGESTD_PID ;;
  esac
  for process; do if kill -0 "$process" 2> /dev/null; then echo "$process"; fi; done
}
mounts_of() {
  case $1-$layout in
    camera-apart) echo "$camera/var/lib/motion $camera/var/lib" ;;
    camera-*) echo "$camera/var/lib" ;;
    server-*) echo "$server/srv $server/var/lib" ;;
  esac
}

stop_for_good() {
  [ -z "$1" ] || kill -9 "$1" 2> /dev/null || true
  [ -z "$1" ] || wait "$1" 2> /dev/null || true
}
end_sessions() {
  for session in $(pgrep -P "$SSHD_PID"); do pkill -9 -P "$session" || true; done
  pkill -9 -P "$SSHD_PID" || true
}
camera_dies() {
  stop_for_good "$SHUTTER_PID"
  stop_for_good "$UPLOAD_PID"
  SHUTTER_PID='' UPLOAD_PID=''
}
server_dies() {
  stop_for_good "$INGESTD_PID"
  end_sessions
  INGESTD_PID=''
}

# A dying process lets go of its files a moment after it is gone; a lazy umount would keep the dead file system.
unmount() {
  tries=0
  until umount "$1" 2> /dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] || { umount "$1"; fail "$1 is still in use"; }
    sleep 0.02
  done
}
# The journal is replayed by the mount.
disks_return() {
  for mounted in $(mounts_of "$1"); do unmount "$mounted"; done
  case $1-$layout in
    camera-apart) mount -o loop "$world/disks/camera" "$camera/var/lib" && mount -o loop "$world/disks/capture" "$camera/var/lib/motion" ;;
    camera-*) mount -o loop "$world/disks/camera" "$camera/var/lib" ;;
    server-apart) mount -o loop "$world/disks/server" "$server/var/lib" && mount -o loop "$world/disks/drop" "$server/srv" ;;
    server-*) mount -o loop "$world/disks/server" "$server/var/lib" && mount --bind "$server/var/lib/srv" "$server/srv" ;;
  esac
}

# preload: the control's library; empty in every other trial.
daemon_runs() {
  [ -z "$INGESTD_PID" ] || return 0
  LD_PRELOAD=$preload FAULT=nosync shutterseal-ingestd --root "$server" --foreground 2>> "$world/ingestd.log" &
  INGESTD_PID=$!
}
camera_runs() {
  /usr/bin/python3 "$project/test/fault/shutter.py" "$camera/var/lib/motion" "$world/originals" "$1" &
  SHUTTER_PID=$!
  LD_PRELOAD=$preload FAULT=nosync shutterseal-upload watch --root "$camera" --passphrase-file "$passphrase" 2>> "$world/upload.log" &
  UPLOAD_PID=$!
}

# The cut falls while something is on its way: at a random moment after the first envelope since the start was seen.
wait_for_work() {
  touch "$world/started"
  tries=0
  until find "$(spool 101)" "$evidence" -newer "$world/started" -name '*.p7m' | grep -q .; do
    tries=$((tries + 1))
    [ $tries -lt 1500 ] || fail "nothing is sealed"
    sleep 0.02
  done
  rand 400
  sleep "$(printf '0.%03d' "$drawn")"
}

cut_power() {
  cuts=$((cuts + 1))
  keep_receipt 101
  # shellcheck disable=SC2046  # lists
  /usr/bin/python3 "$project/test/fault/cut.py" $(for machine; do processes_of "$machine"; mounts_of "$machine"; done)
  for machine; do "${machine}_dies"; disks_return "$machine"; done
  covered || fail "cut $cuts took what a receipt speaks of"
}
random_cut() {
  rand 4
  case $drawn in
    0) cut_power camera ;;
    1) cut_power server ;;
    *) cut_power camera server ;;
  esac
}

# Both sides finish what they find.
all_settles() {
  daemon_runs
  stop_for_good "$SHUTTER_PID"
  if [ -n "$UPLOAD_PID" ]; then
    kill "$UPLOAD_PID"
    wait "$UPLOAD_PID" || fail "the uploader ended with status $?"
  fi
  SHUTTER_PID='' UPLOAD_PID=''
  LD_PRELOAD=$preload FAULT=nosync drain 101 2>> "$world/upload.log" || fail "the camera does not drain"
  keep_receipt 101
  stop_ingestd
}

# However it ends, nothing of it goes on running.
stop_all() {
  set +e
  camera_dies
  [ -z "$SSHD_PID" ] || end_sessions
}
trap 'status=$?; stop_all; (exit $status); finish' EXIT

# Half of the trials cut again while the recovery from the first cut is at work.
trial() {
  name=$cuts
  rand 2
  again=$drawn
  daemon_runs
  camera_runs "$name-a"
  wait_for_work
  random_cut
  if [ "$again" -eq 1 ]; then
    daemon_runs
    camera_dies
    camera_runs "$name-b"
    rand 500
    sleep "$(printf '0.%03d' "$drawn")"
    random_cut
  fi
  all_settles
  settled 101 || fail "after cut $cuts the promise is broken"
}

# The private sshd stays in this namespace: in one of its own it would hold on to file systems that are gone.
prepare_machines() {
  cover /run -t tmpfs tmpfs
  mkdir /run/sshd
  make_disks "$1"
  mkdir -p "$receipts" "$world/originals"
  make_server
  printf 'free-least = 0\n' > "$server/etc/shutterseal/ingestd.conf"
  make_camera 101
  for machine in camera server; do for mounted in $(mounts_of $machine); do sync -f "$mounted"; done; done
}
remove_machines() {
  stop_sshd
  for machine in camera server; do for mounted in $(mounts_of $machine); do unmount "$mounted"; done; done
  umount "$world/disks" /run
  rm -rf "$camera" "$server" "$receipts" "$world/originals" "$custodian" "$world/sshd" "$book"
}

# power_cuts LAYOUT COUNT
power_cuts() {
  echo "$file_system, disks $1, $2 cuts, SEED=$SEED"
  prepare_machines "$1"
  cuts=0
  while [ $cuts -lt "$2" ]; do trial; done
  echo "$cuts cuts, $(find "$world/originals" -name '*.jpg' | wc -l) pictures, $(envelopes "$evidence") envelopes," \
    "$(find "$quarantine" -name '*.parcel' | wc -l) torn parcels refused"
  remove_machines
}

# power_cuts_on FILE_SYSTEM "$@": CUTS times (20; LONG=1: 200), half of them with each layout.
power_cuts_on() {
  file_system=$1
  shift
  [ -n "${IN_NAMESPACE:-}" ] || needs loops
  enter_namespace "$@"
  [ -n "${CUTS:-}" ] || { [ -n "${LONG:-}" ] && CUTS=200 || CUTS=20; }
  power_cuts together $((CUTS / 2))
  power_cuts apart $((CUTS / 2))
}
