#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shutterseal doctor against the shipped sshd with one request too many or too few, and with folders that belong to the wrong account: each is
# named by its own probe, and what to do about it is said.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
# shellcheck source=test/lib/doctor.sh
. "$project/test/lib/doctor.sh"
# What it may do with files: each request that is not on the list.
weak sftp-list-root "$(also opendir,readdir)"
weak sftp-stat "$(also stat)"
weak sftp-stat "$(also lstat)"
weak sftp-mkdir "$(also mkdir)"
weak sftp-chmod "$(also setstat)"
weak sftp-symlink "$(also symlink)"
weak sftp-hard-link "$(also hardlink)"
weak sftp-posix-rename "$(also posix-rename)"
weak sftp-statvfs "$(also statvfs)"
weak sftp-remove "$(also remove)"
weak sftp-rename "$(allow realpath,open,write,close,read)"
weak sftp-realpath "$(allow open,write,close,rename,read)"
weak 'sftp-rename sftp-upload' "$(allow realpath,open,close,rename,read)"
# Whose folders are whose.
in_machine chown cam-101 /srv/shutterseal/drop/cam-101/receipts
weak sftp-create-receipt 's/^#none//'
in_machine chown shutterseal /srv/shutterseal/drop/cam-101/receipts
in_machine chown cam-101 /srv/shutterseal/drop/cam-101/receipts/receipt.p7m
weak 'sftp-append-receipt sftp-overwrite-receipt' 's/^#none//'
in_machine chown -R shutterseal /srv/shutterseal/drop/cam-101/receipts
weak 'sftp-other-camera sftp-path-escape' 's,^ChrootDirectory .*,,' 's,internal-sftp -u,internal-sftp -d /srv/shutterseal/drop/cam-101 -u,'
weak 'sftp-other-camera' 's,^ChrootDirectory .*,ChrootDirectory /srv/shutterseal/drop,' 's,internal-sftp -u,internal-sftp -d /cam-101 -u,'

# Protection against guessing: none here, so it says so.
set +e
doctor --ban-test 127.0.0.99
set -e
grep '"probe":"ban"' "$world/found" | grep -q '"holds":false' || { cat "$world/found"; fail "no ban, and it holds"; }
expect 64 'no address of this host' in_machine shutterseal doctor sftp://127.0.0.1:2022/ --ban-test 192.0.2.1

in_machine shutterseal camera repair > "$world/repair"
echo "$probes weaknesses"
