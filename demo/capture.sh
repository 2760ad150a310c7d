#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: capture.sh CLIP DIR COUNT: Debian's motion watches CLIP until COUNT JPEGs of movement lie in DIR.
# motion names its picture files itself and writes them in place, as on a real camera.
set -eu
clip=$1 dir=$2 count=$3
mkdir -p "$dir"
work=$(mktemp -d)
motion_pid=
cleanup() {
  [ -z "$motion_pid" ] || kill "$motion_pid" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT INT TERM
cat > "$work/motion.conf" <<C
daemon off
setup_mode off
log_level 3
netcam_url file://$clip
width 640
height 480
framerate 10
threshold 1500
minimum_motion_frames 1
event_gap 2
picture_output on
picture_quality 85
movie_output off
target_dir $work/out
picture_filename %Y_%m_%d_%H_%M_%S_%q
webcontrol_port 0
stream_port 0
C
mkdir "$work/out"
motion -n -c "$work/motion.conf" > "$work/log" 2>&1 &
motion_pid=$!
waited=0
while [ "$(find "$work/out" -name '*.jpg' | wc -l)" -lt "$((count + 1))" ]; do
  if [ $waited -ge 600 ] || ! kill -0 $motion_pid 2>/dev/null; then
    echo "motion saw no movement; its last words:" >&2
    tail -5 "$work/log" >&2
    exit 69
  fi
  sleep 0.1
  waited=$((waited + 1))
done
kill $motion_pid
wait $motion_pid 2>/dev/null || true
motion_pid=
# The last one may have been cut off by the end of motion; the first COUNT are whole.
find "$work/out" -name '*.jpg' | sort | head -n "$count" | while read -r picture; do mv "$picture" "$dir/"; done
