# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# A server made weak on purpose, one weakness at a time. Sourced after world.sh, by a test that sets $config (the server's configuration) and
# defines: restart WORDS (the server reads it again) and doctor (asks, into $world/found; its words into $world/doctor.log).
probes=0
broken() { sed -n 's/.*"probe":"\([^"]*\)".*/\1/p' "$world/broken" | sort | tr '\n' ' '; }

# weak PROBES SED...: with the configuration changed so, exactly these probes are broken, and each says how to mend it.
weak() {
  wanted=$1
  shift
  cp "$config" "$world/good"
  for change; do sed -i "$change" "$config"; done
  restart "$*"
  status=0
  doctor || status=$?
  grep '"holds":false' "$world/found" | grep '"tried":true' > "$world/broken" || true
  probes=$((probes + 1))
  if [ $status -ne 1 ] || [ "$(broken)" != "$wanted " ]; then
    cat "$world/doctor.log" "$world/broken"
    fail "'$*': status $status, broken: '$(broken)', not '$wanted'"
  fi
  if grep -qv '"mend":' "$world/broken"; then fail "'$*': nothing says how to mend it"; fi
  cp "$world/good" "$config"
}
