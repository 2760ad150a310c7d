// SPDX-License-Identifier: Apache-2.0
// One question to an FTP server, over libcurl, on a connection of its own: what an attacker with any client could ask.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shutterseal::transport {

struct FtpQuestion {
  std::string host;                   // without brackets
  unsigned port = 21;
  std::string user, password;
  enum class Tls { both, control_only, none } tls = Tls::both;  // both: AUTH TLS, PROT P; control_only: PROT C; none: in the clear
  bool check_certificate = true;
  std::string tls_authority_file;     // PEM; empty: the system's
  std::string client_certificate_file, client_key_file;
  long tls_most = 0;                  // 0: any; 11: at most TLS 1.1
  std::string from;                   // a local address, or empty
  std::vector<std::string> commands;  // sent after the login; the first that is refused ends it
  enum class Then { nothing, list, fetch, store } then = Then::nothing;
  std::string path;                   // of `then`
  bool append = false;
  std::int64_t timeout_ms = 10'000;
};

struct FtpAnswer {
  bool granted = false;      // login, commands and transfer all succeeded
  bool connected = false;    // TCP
  std::uint64_t received = 0;  // octets of `then`
  bool login_refused = false;
  std::string dialogue;      // the server's lines, the first 64 KiB
  [[nodiscard]] std::string greeting() const { return dialogue.substr(0, dialogue.find('\n')); }
  std::string detail;        // libcurl's words; may hold the server's: escape it
};
[[nodiscard]] FtpAnswer ask_ftp(const FtpQuestion& question);

}  // namespace shutterseal::transport
