// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include "src/doctor/ftp_questions.h"
#include "src/doctor/probes.h"

namespace shutterseal::doctor {

static constexpr int kMostFailures = 10;
static constexpr int kPauseMs = 700;  // what reads the log needs its time, and a ban after the fact is one, too

// One failed login; false: the server does not even take the connection.
static bool fails_to_log_in(const Patient& patient) {
  if (patient.target.is_ftp) {
    auto question = ftp_question(patient);
    question.from = patient.ban_from;
    question.user = "doctor-ban-test";
    question.password = "wrong";
    return ask_ftp(question).connected;
  }
  auto ssh = Ssh::open(patient.target.host, patient.target.port, patient.ban_from, patient.timeout_ms);
  return ssh && !ssh->login_with_password("doctor-ban-test", "wrong");
}

void probe_ban(const Patient& patient, Table& table) {
  if (patient.ban_from.empty()) return table.not_tried("ban", "banned", "no --ban-test");
  int failures = 0;
  while (failures < kMostFailures && fails_to_log_in(patient)) {
    ++failures;
    static_cast<void>(::poll(nullptr, 0, kPauseMs));
  }
  const bool banned = failures < kMostFailures;
  table.row("ban", "banned", banned ? "banned after " + std::to_string(failures) + " failures" : std::to_string(failures) + " failures, and no ban", banned,
            "/etc/fail2ban/jail.local: [shutterseal-sshd] enabled = true, and [shutterseal-pam], [shutterseal-ftp]");
}

}  // namespace shutterseal::doctor
