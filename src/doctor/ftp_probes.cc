// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>

#include "src/doctor/ftp_questions.h"
#include "src/doctor/probes.h"

namespace shutterseal::doctor {

using transport::FtpQuestion;

static const char* const kTlsMend = "proftpd.conf: TLSRequired on";
static const char* const kLimitMend = "proftpd.conf: <Limit ALL> DenyAll, and the allow-list of etc/proftpd";
static const char* const kRootMend = "proftpd.conf: DefaultRoot /srv/shutterseal/drop/%u";

FtpQuestion ftp_question(const Patient& patient) {
  FtpQuestion question;
  question.host = patient.target.host;
  question.port = patient.target.port;
  question.user = patient.user;
  question.password = patient.password.view();
  question.tls_authority_file = patient.tls_authority_file;
  question.client_certificate_file = patient.client_certificate_file;
  question.client_key_file = patient.client_key_file;
  question.timeout_ms = patient.timeout_ms;
  return question;
}

static bool granted(FtpQuestion question, const std::vector<std::string>& commands) {
  question.commands = commands;
  return ask_ftp(question).granted;
}

static bool granted(FtpQuestion question, FtpQuestion::Then then, const std::string& path, bool append = false) {
  question.then = then;
  question.path = path;
  question.append = append;
  return ask_ftp(question).granted;
}

// Some servers say yes and show nothing; / always holds two folders.
static bool lists(FtpQuestion question, const std::string& path) {
  question.then = FtpQuestion::Then::list;
  question.path = path;
  const auto answer = ask_ftp(question);
  return answer.granted && answer.received > 0;
}

static bool tells_of_folders(FtpQuestion question, const std::string& command) {
  question.commands = {command};
  return ask_ftp(question).dialogue.find("receipts") != std::string::npos;
}

// Which program and release it is saves an attacker the first half of his work.
static bool tells_too_much(const std::string& greeting) {
  return greeting.find_first_of("0123456789", 3) != std::string::npos || greeting.find("ProFTPD") != std::string::npos || greeting.find("vsFTPd") != std::string::npos ||
         greeting.find("Debian") != std::string::npos;
}

static std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

// ---- without an account ---------------------------------------------------------------------------------------------------------------

static void probe_tls(const FtpQuestion& base, Table& table) {
  auto question = base;
  question.user = "anonymous";
  question.password = "doctor@example.org";
  const auto answer = ask_ftp(question);
  table.row("ftp-banner", "no program, no release", trimmed(answer.greeting()), !tells_too_much(answer.greeting()), "proftpd.conf: ServerIdent on \"FTP\"");
  // Only a login that was answered shows that TLS stood: a server without any has no bad certificate either.
  const bool trusted = answer.granted || answer.login_refused;
  table.row("ftp-certificate", "trusted, for this host", trusted ? "trusted, for this host" : answer.detail, trusted,
            "proftpd.conf: TLSECCertificateFile with the host's name, by the authority that the bundle pins");
  question.check_certificate = false;
  table.refused("ftp-login-anonymous", ask_ftp(question).granted, "proftpd.conf: no <Anonymous> section");
  question.tls_most = 11;
  const auto old = ask_ftp(question);
  table.refused("ftp-old-tls", old.granted || old.login_refused, "proftpd.conf: TLSProtocol TLSv1.2");
}

// In the clear a name must be refused before a password is asked for: "331" would invite it onto the line.
static void probe_clear(const FtpQuestion& base, Table& table) {
  auto question = base;
  question.tls = FtpQuestion::Tls::none;
  question.user = question.user.empty() ? "cam-no-such-camera-0" : question.user;
  question.commands = {};
  const auto answer = ask_ftp(question);
  table.row("ftp-login-in-the-clear", "refused before the password", answer.granted ? "granted" : answer.detail,
            !answer.granted && answer.detail.find("530") == std::string::npos, kTlsMend);
}

// ---- with the camera's password -------------------------------------------------------------------------------------------------------

static const std::string kOwn = "incoming/.doctor-ftp.part";

static void probe_needs(const FtpQuestion& base, Table& table) {
  table.needed("ftp-upload", granted(base, FtpQuestion::Then::store, kOwn), "shutterseal camera repair; proftpd.conf: <Limit STOR>, PathAllowFilter");
  table.needed("ftp-rename", granted(base, {"RNFR " + kOwn, "RNTO " + kOwn}), "proftpd.conf: <Limit RNFR RNTO>");
  auto clear = base;
  clear.tls = FtpQuestion::Tls::control_only;
  table.refused("ftp-data-in-the-clear", granted(clear, FtpQuestion::Then::store, kOwn), kTlsMend);
}

static void probe_reading(const FtpQuestion& base, const std::string& other, Table& table) {
  using Then = FtpQuestion::Then;
  table.refused("ftp-list", lists(base, "") || lists(base, "incoming/") || tells_of_folders(base, "STAT /") ||
                                tells_of_folders(base, "STAT ."), kLimitMend);
  table.refused("ftp-fetch-upload", granted(base, Then::fetch, kOwn), kLimitMend);
  table.refused("ftp-path-escape", granted(base, Then::fetch, "/etc/passwd") || granted(base, Then::fetch, "../../../../etc/passwd") ||
                                       granted(base, Then::fetch, "receipts/../../../etc/passwd"), kRootMend);
  if (other.empty()) return table.not_tried("ftp-other-camera", "invisible", "no --other");
  const bool seen = granted(base, Then::fetch, "../" + other + "/receipts/receipt.p7m") || granted(base, Then::fetch, "/srv/shutterseal/drop/" + other + "/receipts/receipt.p7m") ||
                    granted(base, Then::store, "../" + other + "/incoming/.doctor-ftp.part") || granted(base, {"CWD ../" + other});
  table.row("ftp-other-camera", "invisible", seen ? "seen" : "invisible", !seen, kRootMend);
}

static void probe_harm(const FtpQuestion& base, Table& table) {
  using Then = FtpQuestion::Then;
  table.refused("ftp-overwrite-receipt", granted(base, Then::store, "receipts/receipt.p7m"), "shutterseal camera repair; " + std::string(kLimitMend));
  table.refused("ftp-append", granted(base, Then::store, kOwn, true) || granted(base, Then::store, "receipts/receipt.p7m", true), kLimitMend);
  table.refused("ftp-mkdir", granted(base, {"MKD incoming/.doctor-dir"}), kLimitMend);
  table.refused("ftp-rmdir", granted(base, {"RMD incoming/.doctor-dir"}) || granted(base, {"RMD receipts"}), kLimitMend);
  table.refused("ftp-chmod", granted(base, {"SITE CHMOD 777 " + kOwn}) || granted(base, {"MFF UNIX.mode=0777; " + kOwn}), kLimitMend);
  table.refused("ftp-symlink", granted(base, {"SITE SYMLINK /etc/passwd incoming/.doctor-link"}), kLimitMend);
  table.refused("ftp-bounce", granted(base, {"PORT 192,0,2,1,0,80"}), "proftpd.conf: AllowForeignAddress off; <Limit PORT EPRT>");
  table.refused("ftp-remove", granted(base, {"DELE receipts/receipt.p7m"}) || granted(base, {"DELE " + kOwn}), kLimitMend);
}

void probe_ftp(const Patient& patient, Table& table) {
  const auto base = ftp_question(patient);
  probe_tls(base, table);
  probe_clear(base, table);
  auto wrong = base;
  wrong.user = patient.user.empty() ? "root" : patient.user;
  wrong.password = "";
  table.refused("ftp-login-empty-password", ask_ftp(wrong).granted, "PAM: /etc/pam.d/shutterseal-ftp as shipped");
  if (patient.user.empty() || patient.password.empty()) return table.not_tried("ftp-files", "a camera adds and reads its receipt, no more", "no --camera and --password-file");
  table.needed("ftp-login", ask_ftp(base).granted, "shutterseal camera password ID, and PAM: journalctl -t proftpd");
  probe_needs(base, table);
  probe_reading(base, patient.other_user, table);
  probe_harm(base, table);
}

}  // namespace shutterseal::doctor
