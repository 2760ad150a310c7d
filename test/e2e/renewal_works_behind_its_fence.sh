#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shutterseal-renew.service as installed, on a real server: a certificate of 300 days ago is asked for by the camera over the shipped sshd,
# renewed by the service, fetched and used; files have the owners that server check wants. An expired camera is let in for its grace and no longer.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
# shellcheck source=test/lib/trial.sh
. "$project/test/lib/trial.sh"
need_machine "$@"
make_machine
# Outside, where the authority is, it is 300 days ago.
under_clock shutterseal
set_clock -$((300 * 86400000))
boot_machine
set_up_server
start_services shutterseal-sshd.service shutterseal-ingestd.service
cp "$passphrase" "$root/opt/test/passphrase"
for id in 101 102; do
  in_machine shutterseal-upload enrol --root "/opt/test/camera-$id" --camera $id --passphrase-file /opt/test/passphrase > "$world/enrol.log"
  request=/opt/test/camera-$id/var/lib/shutterseal-upload/keys/request.pem
  shutterseal camera sign "$root$request" --authority-key "$custodian/authority.key" --authority "$custodian/authority.pem" --passphrase-file "$passphrase" \
    --out "$root/opt/test/$id.pem" > "$world/sign.log"
  in_machine shutterseal camera add $id --request "$request" --certificate "/opt/test/$id.pem" --out "/opt/test/$id.draft" > "$world/add.log"
  shutterseal bundle sign "$root/opt/test/$id.draft" --authority-key "$custodian/authority.key" --authority "$custodian/authority.pem" --passphrase-file "$passphrase" \
    --out "$root/opt/test/$id.bundle" > "$world/sign.log"
  in_machine shutterseal-upload accept "/opt/test/$id.bundle" --root "/opt/test/camera-$id" --authority "$authority" > "$world/accept.log"
  mkdir -p "$root/opt/test/camera-$id/var/lib/motion" "$root/opt/test/camera-$id/etc/shutterseal"
  echo 'heartbeat = 0' > "$root/opt/test/camera-$id/etc/shutterseal/upload.conf"  # an idle camera must ask by itself
done

# Without an intermediate the service does nothing and does not fail.
in_machine systemctl start shutterseal-renew.service
in_machine shutterseal intermediate new --out /opt/test/intermediate.request > "$world/new.log"
shutterseal intermediate sign "$root/opt/test/intermediate.request" --authority-key "$custodian/authority.key" --authority "$custodian/authority.pem" \
  --passphrase-file "$passphrase" --out "$root/opt/test/intermediate.pem" > "$world/sign.log"
in_machine shutterseal intermediate install /opt/test/intermediate.pem > "$world/install.log"

picture_in_machine 101 1
upload_in_machine 101
upload_in_machine 102  # nothing to send: it comes for the renewal alone
asked=$root/srv/shutterseal/drop/cam-101/incoming/.renewal.request
[ -s "$asked" ] || fail "the camera asks for nothing"
head -c 3000 /dev/urandom > "$root/srv/shutterseal/drop/cam-102/incoming/.renewal.request"
in_machine systemctl start shutterseal-renew.service || { in_machine journalctl --no-pager -u shutterseal-renew.service; fail "the service fails"; }
in_machine journalctl --no-pager -u shutterseal-renew.service > "$world/journal.log"
grep -q 'renewed camera=101 until=' "$world/journal.log" || fail "camera 101 is not renewed"
grep -q 'renewal-refused camera=102 reason=malformed' "$world/journal.log" || fail "rubbish is not refused"
[ ! -e "$asked" ] || fail "the request is still there"
[ "$(in_machine stat -c '%U:%G %a' /srv/shutterseal/drop/cam-101/receipts/renewal.p7m)" = 'root:shutterseal-cameras 640' ] || fail "renewal.p7m"
in_machine shutterseal server check > "$world/check" || true
if grep -q 'cam-101\|intermediate' "$world/check"; then cat "$world/check"; fail "server check finds fault"; fi
rm "$root/opt/test/camera-101/var/lib/shutterseal-upload/state/renewal"  # an hour later
picture_in_machine 101 2
upload_in_machine 101
in_machine shutterseal-upload status --root /opt/test/camera-101 --json > "$world/status"
grep -q '"certificate_days_left":36[345]' "$world/status" || { cat "$world/status"; fail "the renewed certificate is not in use"; }
picture_in_machine 101 3
upload_in_machine 101
in_machine shutterseal find --json > "$world/rows"
[ "$(grep -c '"verdict":"accepted"' "$world/rows")" -eq 3 ] || { cat "$world/rows"; fail "not every picture is accepted"; }

# Past its end: let in for the grace, and no longer.
expires() { sed -i "s/^expires = .*/expires = $1/" "$root/etc/shutterseal/cameras/cam-102/camera.conf"; }
expires "$(date -u -d '89 days ago' +%Y-%m-%dT%H:%M:%SZ)"
picture_in_machine 102 1
upload_in_machine 102 || fail "an expired camera is not let in for its grace"
expires "$(date -u -d '91 days ago' +%Y-%m-%dT%H:%M:%SZ)"
picture_in_machine 102 2
expect 77 'login refused' upload_in_machine 102
expect 0 '8640000 seconds' in_machine shutterseal camera set 102 --grace 100d
upload_in_machine 102 || fail "the longer grace does not count"
[ "$(stored_in_machine 102)" -eq 2 ] || fail "$(stored_in_machine 102) of 2 pictures are stored"
