// SPDX-License-Identifier: Apache-2.0
// The probes by what they need. Each adds its rows, in a fixed order, whether it could be tried or not.
#pragma once

#include <functional>
#include <optional>

#include "src/doctor/doctor.h"
#include "src/doctor/ssh.h"

namespace shutterseal::doctor {

// Rows of one examination.
class Table {
 public:
  explicit Table(const std::function<void(const std::string&)>& progress) : progress_(progress) {}
  // A question whose good answer is "no": `granted` tells whether the server said yes.
  void refused(const std::string& probe, bool granted, const std::string& mend);
  void refused(const std::string& probe, std::optional<bool> granted, const std::string& mend);  // nothing: it could not even be asked
  // A question whose good answer is "yes".
  void needed(const std::string& probe, bool granted, const std::string& mend);
  void row(const std::string& probe, const std::string& expected, const std::string& found, bool holds, const std::string& mend);
  void not_tried(const std::string& probe, const std::string& expected, const std::string& why);
  [[nodiscard]] Findings take() { return std::move(findings_); }

 private:
  const std::function<void(const std::string&)>& progress_;
  Findings findings_;
};

// Logged in as the camera, on a fresh connection; nothing when the server refuses. Ask only with has_login().
[[nodiscard]] bool has_login(const Patient& patient);
[[nodiscard]] std::optional<Ssh> log_in(const Patient& patient);

void probe_ssh_offer(const Patient& patient, Table& table);     // version, algorithms: before any key
void probe_ssh_login(const Patient& patient, Table& table);     // host key, who may log in and how
void probe_ssh_channels(const Patient& patient, Table& table);  // with the camera's key: shell, terminal, forwarding
void probe_sftp(const Patient& patient, Table& table);          // with the camera's key: files
void probe_ftp(const Patient& patient, Table& table);           // FTP: TLS, logins, files
void probe_ban(const Patient& patient, Table& table);

}  // namespace shutterseal::doctor
