// SPDX-License-Identifier: Apache-2.0
// doctor URL: the attacker's view of a drop server.
#include "src/doctor/doctor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/report/json.h"
#include "src/transport/transport.h"

namespace shutterseal::custody {

using doctor::Finding;
using doctor::Standing;

static doctor::Target target_of(const std::string& url) {
  const auto parsed = transport::parse_target(url);
  if (!parsed) throw Error(ErrorKind::usage, "'" + escape_untrusted(url) + "' is neither sftp://HOST[:PORT]/ nor ftps://HOST[:PORT]/");
  auto host = parsed->host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return {parsed->is_ftps(), host, parsed->port};
}

static Secret opened_key(const config::Arguments& arguments) {
  if (!arguments.has("key")) return {};
  const auto pem = read_private_key(arguments, arguments.get("key"), "camera").to_pem(Secret());
  return Secret(as_text(pem));
}

static doctor::Patient patient_of(const config::Arguments& arguments) {
  doctor::Patient patient;
  patient.target = target_of(arguments.operands()[1]);
  patient.pins = arguments.all("pin");
  if (arguments.has("camera")) patient.user = camera_id(arguments.get("camera")).account();
  if (arguments.has("other")) patient.other_user = camera_id(arguments.get("other")).account();
  patient.private_key = opened_key(arguments);
  if (arguments.has("password-file")) patient.password = read_secret_file(arguments.get("password-file"));
  patient.tls_authority_file = arguments.get("tls-authority");
  patient.client_certificate_file = arguments.get("certificate");
  patient.client_key_file = arguments.get("certificate-key");
  patient.ban_from = arguments.get("ban-test");
  if ((arguments.has("key") || arguments.has("password-file")) && patient.user.empty()) throw Error(ErrorKind::usage, "--camera is needed with --key and --password-file");
  return patient;
}

static void print_json(const doctor::Findings& findings) {
  for (const auto& one : findings) {
    report::Json json{{"probe", one.probe}, {"expected", one.expected}, {"found", escape_untrusted(one.found, kLongestSubject)},
                      {"holds", one.standing == Standing::holds}, {"tried", one.standing != Standing::not_tried}};
    if (!one.mend.empty()) json["mend"] = one.mend;
    say("{}\n", report::to_text(json));
  }
}

static void print_table(const doctor::Findings& findings) {
  say("{:<30} {:<28} {:<10} {}\n", "PROBE", "EXPECTED", "VERDICT", "FOUND");
  for (const auto& one : findings) {
    say("{:<30} {:<28} {:<10} {}\n", one.probe, escape_untrusted(one.expected), standing_name(one.standing), escape_untrusted(one.found));
    if (!one.mend.empty()) say("{:<30} mend: {}\n", "", one.mend);
  }
}

static std::size_t count(const doctor::Findings& findings, Standing standing) {
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(), [&](const Finding& one) { return one.standing == standing; }));
}

static int doctor_command(const config::Arguments& arguments) {
  const auto patient = patient_of(arguments);
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const auto findings = doctor::examine(patient, [terminal](const std::string& probe) {
    if (terminal) fmt::print(stderr, "\r\x1b[K{}", probe);
  });
  if (terminal) fmt::print(stderr, "\r\x1b[K");
  const auto broken = count(findings, Standing::broken);
  if (arguments.has("json")) {
    print_json(findings);
  } else {
    print_table(findings);
    say("{} hold, {} broken, {} not tried\n", count(findings, Standing::holds), broken, count(findings, Standing::not_tried));
  }
  return broken == 0 ? 0 : 1;
}

std::vector<Command> doctor_commands() {
  return {{"doctor", "URL [--camera ID --key FILE] [--pin SHA256:...]",
           "Examines a drop server from outside, as an attacker would, with a camera's credentials and without.",
           {{"pin", "PIN", "what the host key must hash to, as ssh-keygen -l prints it", true},
            {"camera", "ID", "log in as this camera"},
            {"key", "FILE", "its SSH key"},
            {"passphrase-file", "FILE", "the passphrase of that key (mode 0600)"},
            {"password-file", "FILE", "ftps: its password (mode 0600)"},
            {"other", "ID", "another enrolled camera, which must be invisible"},
            {"tls-authority", "CERT", "ftps: who certifies the server"},
            {"certificate", "CERT", "ftps: a client's certificate"},
            {"certificate-key", "FILE", "ftps: its key"},
            {"ban-test", "ADDRESS", "fail to log in from this address of this host until it is banned: it will be"},
            {"json", "", "one object a probe"}},
           doctor_command, 1, 1}};
}

}  // namespace shutterseal::custody
