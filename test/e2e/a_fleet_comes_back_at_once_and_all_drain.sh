#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# After an outage a fleet comes back at the same moment, each camera with a backlog, one of them with a long one, to an sshd that lets only some of them in
# at a time: no camera starves, all backlogs drain, by themselves. FLEET (12; with LONG=1: 100; FLEET=200 takes some minutes, most of them enrolment) real uploaders.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
fleet=${FLEET:-12}
[ -z "${LONG:-}" ] || fleet=${FLEET:-100}
make_server
# What sshd lets in before it has heard who they are: the rest is hung up on and must come again.
printf 'MaxStartups 2:50:4\n' > "$world/limits"
cat "$world/sshd/sshd_config" >> "$world/limits"
port=$SSHD_PORT
stop_sshd

# Enrolled in one call; the keys are the cameras' own, opened with one round.
mkdir "$world/requests" "$world/bundles"
# shellcheck disable=SC2016
seq 101 $((100 + fleet)) | xargs -P 4 -I @ sh -c 'shutterseal-upload enrol --root "$1/camera-$2" --camera "$2" --passphrase-file "$1/passphrase" > "$1/enrol-$2" &&
  cp "$1/camera-$2/var/lib/shutterseal-upload/keys/request.pem" "$1/requests/$2.pem"' sh "$world" @
seq 101 $((100 + fleet)) | sed 's,.*,&\,requests/&.pem,' > "$world/all.csv"
shutterseal camera add --csv "$world/all.csv" --root "$server" --authority-key "$custodian/authority.key" --passphrase-file "$passphrase" \
  --out "$world/bundles" > "$world/add.log" 2>&1
backlog_of() { if [ "$1" -eq 101 ]; then echo 100; else echo 5; fi; }
# All of them seal, and try in vain.
prepare() {
  shutterseal-upload accept "$world/bundles/cam-$1.p7m" --root "$(camera_root "$1")" --authority "$authority" > "$world/accept-$1" 2>&1
  quicken_keys "$1"
  mkdir -p "$(capture "$1")"
  take_pictures "$1" "$(backlog_of "$1")" 3000
  upload "$1" > "$world/vain-$1" 2>&1
}
pictures=0
for id in $(seq 101 $((100 + fleet))); do
  prepare "$id"
  cat "$server/etc/shutterseal/cameras/cam-$id/authorized_keys" >> "$world/sshd/authorized_keys"
  pictures=$((pictures + $(backlog_of "$id")))
done
in_spools() { find "$world" -path '*/spool/*.p7m' | wc -l; }
[ "$(in_spools)" -eq $pictures ] || fail "$(in_spools) of $pictures are sealed"

# As cron does, at closer intervals: no jitter, so that they do come at once. (200 of `watch` would need more inotify instances than one user has.)
cat > "$world/cron" <<'C'
while [ -n "$(find "$1/var/lib/shutterseal-upload/spool" -maxdepth 1 -name '*.p7m' -print -quit)" ]; do
  shutterseal-upload run --root "$1" --passphrase-file "$2" || true
  sleep 1
done
C
write_sshd_config() { sed "s/^ListenAddress .*/ListenAddress 127.0.0.1:$2/" "$world/limits" > "$1/sshd_config"; }
began=$(date +%s%3N)
start_sshd "$world/sshd" "$port"
start_ingestd
for id in $(seq 101 $((100 + fleet))); do
  sh "$world/cron" "$(camera_root "$id")" "$passphrase" > "$world/cron-$id" 2>&1 &
  HELPERS="$HELPERS $!"
done
none_wait() { [ "$(in_spools)" -eq 0 ]; }
until_true "a backlog does not drain" none_wait
drained=$(date +%s%3N)
stores $pictures || fail "$(envelopes "$evidence") of $pictures are stored"
for id in $(seq 101 $((100 + fleet))); do
  [ "$(find "$evidence/cam-$id" -name '*.p7m' | wc -l)" -ge 5 ] || fail "camera $id starved"
done
echo "$fleet cameras, $pictures pictures, drained in $((drained - began)) ms; $(cat "$world"/cron-* | grep -c retry || true) tries were in vain"
# When each camera's last envelope came, from the return of the server on.
find "$evidence" -name '*.p7m' | sed 's,.*/cam-\([0-9]*\)/.*/\([0-9]*\)-.*,\1 \2,' |
  awk -v began="$began" '$2 - began > last[$1] { last[$1] = $2 - began } END { for (id in last) print last[id] }' | sort -n |
  awk '{ all[NR] = $1 } END { printf "last envelope of a camera: first %d ms, median %d ms, last %d ms\n", all[1], all[int((NR + 1) / 2)], all[NR] }'
all_pictures_are_evidence
