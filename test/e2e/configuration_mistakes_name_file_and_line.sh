#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An unknown key, a bad value, a missing file: exit 78 (66 when missing), FILE:LINE in one line.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
make_server
make_camera 101
printf '# ok\nno-such-key = 1\n' > "$world/bad.conf"
expect 78 'bad.conf:2' shutterseal-upload run --config "$world/bad.conf" --root "$(camera_root 101)"
expect 78 'bad.conf:2' shutterseal-ingestd --config "$world/bad.conf" --root "$server" --once
expect 78 'bad.conf:2' shutterseal-ingestd -t --config "$world/bad.conf" --root "$server"
expect 66 'missing.conf' shutterseal-upload run --config "$world/missing.conf" --root "$(camera_root 101)"
expect 64 'unknown option' shutterseal-upload run --nonsense
expect 64 'nonsense' shutterseal nonsense
printf 'state = active\nsurprise = 1\n' > "$server/etc/shutterseal/cameras/cam-101/camera.conf"
expect 78 'camera.conf:' shutterseal camera show 101 --root "$server"
