#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# alert-mail ADDRESS...: one alarm as one mail, by sendmail(8), or by mail(1) where there is none. For alert-command, whose variables it reads
# (shutterseal-ingestd(8)). The subject has our own words alone; the camera's stand in the body, escaped.
set -eu
[ $# -gt 0 ] || { echo "usage: alert-mail ADDRESS..." >&2; exit 64; }
subject="shutterseal: camera $SHUTTERSEAL_CAMERA: $SHUTTERSEAL_KIND"
[ "$SHUTTERSEAL_CAMERA" != - ] || subject="shutterseal: alarms of several cameras"

body() {
  printf 'camera:   %s\nalarm:    %s\n' "$SHUTTERSEAL_CAMERA" "$SHUTTERSEAL_KIND"
  [ "$SHUTTERSEAL_COUNT" = 1 ] || printf 'count:    %s since the last mail\n' "$SHUTTERSEAL_COUNT"
  [ -z "$SHUTTERSEAL_NOTE" ] || printf 'note:     %s\n' "$SHUTTERSEAL_NOTE"
  [ -z "$SHUTTERSEAL_SEALED" ] || printf 'sealed:   %s (camera)\nreceived: %s (%s)\n' "$SHUTTERSEAL_SEALED" "$SHUTTERSEAL_RECEIVED" "$(uname -n)"
  [ -z "$SHUTTERSEAL_CHAIN" ] || printf 'envelope: chain %s, sequence %s\n' "$SHUTTERSEAL_CHAIN" "$SHUTTERSEAL_SEQUENCE"
}

if command -v sendmail > /dev/null; then
  to=$(printf ', %s' "$@")
  { printf 'To: %s\nSubject: %s\nAuto-Submitted: auto-generated\n\n' "${to#, }" "$subject"; body; } | sendmail -i -- "$@"
elif command -v mail > /dev/null; then
  body | mail -s "$subject" -- "$@"
else
  exit 69
fi
