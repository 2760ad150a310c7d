// SPDX-License-Identifier: Apache-2.0
// A drop server as an attacker sees it, from outside: over SSH (libssh2, and the first packets by hand) and FTP (libcurl), with a camera's own
// credentials and without. What it writes is one file .doctor-RANDOM.part in incoming/, which the daemon collects by its age.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/base/secret.h"
#include "src/doctor/finding.h"

namespace shutterseal::doctor {

struct Target {
  bool is_ftp = false;  // ftps://: explicit TLS on a control connection (RFC 4217)
  std::string host;     // without brackets
  unsigned port = 22;
};

struct Patient {
  Target target;
  std::vector<std::string> pins;     // "SHA256:…"; none: not tried
  std::string user;                  // cam-ID; empty: what needs an account is not tried
  Secret private_key;                // PEM, opened; empty: what needs a login is not tried
  Secret password;                   // for FTP
  std::string other_user;            // another camera's account; empty: not tried
  std::string tls_authority_file;    // PEM; empty: the system's
  std::string client_certificate_file, client_key_file;
  std::string ban_from;              // an address of this host to be banned; empty: not tried
  std::int64_t timeout_ms = 10'000;  // of each answer
};

// Every probe in turn; `progress` is told the name of each. A server that cannot be reached at all: Error unavailable.
[[nodiscard]] Findings examine(const Patient& patient, const std::function<void(const std::string&)>& progress);

}  // namespace shutterseal::doctor
