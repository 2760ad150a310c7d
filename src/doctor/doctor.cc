// SPDX-License-Identifier: Apache-2.0
#include "src/doctor/doctor.h"

#include "src/base/error.h"
#include "src/doctor/probes.h"
#include "src/doctor/tcp.h"

namespace shutterseal::doctor {

std::string_view standing_name(Standing standing) noexcept {
  switch (standing) {
    case Standing::holds: return "holds";
    case Standing::broken: return "BROKEN";
    case Standing::not_tried: return "not tried";
  }
  return "bug";
}

void Table::row(const std::string& probe, const std::string& expected, const std::string& found, bool holds, const std::string& mend) {
  progress_(probe);
  findings_.push_back({probe, expected, found, holds ? Standing::holds : Standing::broken, holds ? "" : mend});
}

void Table::refused(const std::string& probe, bool granted, const std::string& mend) {
  row(probe, "refused", granted ? "granted" : "refused", !granted, mend);
}

void Table::refused(const std::string& probe, std::optional<bool> granted, const std::string& mend) {
  if (granted) return refused(probe, *granted, mend);
  row(probe, "refused", "no connection: nothing is known", false, "are we banned? fail2ban-client status; then ask again from an address of the fleet");
}

void Table::needed(const std::string& probe, bool granted, const std::string& mend) {
  row(probe, "granted", granted ? "granted" : "refused", granted, mend);
}

void Table::not_tried(const std::string& probe, const std::string& expected, const std::string& why) {
  findings_.push_back({probe, expected, why, Standing::not_tried, ""});
}

Findings examine(const Patient& patient, const std::function<void(const std::string&)>& progress) {
  if (!Tcp::connect(patient.target.host, patient.target.port, "", patient.timeout_ms))
    throw Error(ErrorKind::unavailable, "no connection to the server: refused, unreachable or banned");
  Table table(progress);
  if (patient.target.is_ftp) {
    probe_ftp(patient, table);
  } else {
    // With the camera's key first: that login makes our address the fleet's, and the failed ones that follow get nobody banned.
    probe_ssh_offer(patient, table);
    probe_sftp(patient, table);
    probe_ssh_channels(patient, table);
    probe_ssh_login(patient, table);
  }
  probe_ban(patient, table);  // last: afterwards the address may be shut out
  return table.take();
}

}  // namespace shutterseal::doctor
