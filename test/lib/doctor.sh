# shellcheck shell=sh disable=SC2154,SC2034,SC2119,SC2120
# SPDX-License-Identifier: Apache-2.0
# A machine with two cameras and the shipped sshd, to be made weak; and what the doctor says then. Sourced after machine.sh.
make_machine
boot_machine
# shellcheck disable=SC2119
set_up_server
in_machine systemctl start shutterseal-sshd.service shutterseal-ingestd.service
enrol_in_machine 101 102
picture_in_machine 101 1
upload_in_machine 101  # there is a receipt to harm
in_machine systemctl stop shutterseal-ingestd.service
pin=$(ssh-keygen -lf "$root/etc/shutterseal/ssh_host_ed25519_key.pub" | cut -d' ' -f2)
config=$root/etc/shutterseal/sshd_config
cp "$config" "$world/good"
probes=0

doctor() {
  in_machine shutterseal doctor "sftp://127.0.0.1:${port:-2022}/" --pin "$pin" --camera 101 --key /opt/test/stolen-101 --other 102 --json "$@" > "$world/found" 2> "$world/doctor.log"
}
broken() { sed -n 's/.*"probe":"\([^"]*\)".*/\1/p' "$world/broken" | sort | tr '\n' ' '; }
# weak PROBES SED...: with the configuration changed so, exactly these probes are broken.
weak() {
  wanted=$1
  shift
  for change; do sed -i "$change" "$config"; done
  in_machine systemctl reset-failed shutterseal-sshd.service  # the unit's own limit of starts
  in_machine systemctl restart shutterseal-sshd.service || { in_machine journalctl --no-pager -n 20; fail "sshd does not start with: $*"; }
  set +e
  doctor
  status=$?
  set -e
  grep '"holds":false' "$world/found" | grep '"tried":true' > "$world/broken" || true
  probes=$((probes + 1))
  [ -z "${SHOW:-}" ] || { echo "weak '$(broken)'  $*"; cp "$world/good" "$config"; return 0; }
  if [ $status -ne 1 ] || [ "$(broken)" != "$wanted " ]; then cat "$world/doctor.log" "$world/broken"; fail "'$*': status $status, broken: '$(broken)', not '$wanted'"; fi
  if grep -qv '"mend":' "$world/broken"; then fail "'$*': nothing says how to mend it"; fi
  cp "$world/good" "$config"
}
allow() { printf 's/-p realpath,open,write,close,rename,read/-p %s/' "$1"; }
needed=realpath,open,write,close,rename,read
also() { allow "$needed,$1"; }

