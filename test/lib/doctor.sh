# shellcheck shell=sh disable=SC2154,SC2034,SC2119,SC2120
# SPDX-License-Identifier: Apache-2.0
# A machine with two cameras and the shipped sshd, to be made weak; and what the doctor says then. Sourced after machine.sh.
make_running_server
enrol_in_machine 101 102
picture_in_machine 101 1
upload_in_machine 101  # there is a receipt to harm
in_machine systemctl stop shutterseal-ingestd.service
pin=$(ssh-keygen -lf "$root/etc/shutterseal/ssh_host_ed25519_key.pub" | cut -d' ' -f2)
config=$root/etc/shutterseal/sshd_config
cp "$config" "$world/good"

doctor() {
  in_machine shutterseal doctor "sftp://127.0.0.1:${port:-2022}/" --pin "$pin" --camera 101 --key /opt/test/stolen-101 --other 102 --json "$@" > "$world/found" 2> "$world/doctor.log"
}
restart() {
  in_machine systemctl reset-failed shutterseal-sshd.service  # the unit's own limit of starts
  in_machine systemctl restart shutterseal-sshd.service || { in_machine journalctl --no-pager -n 20; fail "sshd does not start with: $1"; }
}
# shellcheck source=test/lib/weakness.sh
. "$project/test/lib/weakness.sh"
allow() { printf 's/-p realpath,open,write,close,rename,read/-p %s/' "$1"; }
needed=realpath,open,write,close,rename,read
also() { allow "$needed,$1"; }

