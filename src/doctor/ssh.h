// SPDX-License-Identifier: Apache-2.0
// One SSH connection through libssh2, as an attacker or a camera would open it. No method throws for what the server says or refuses.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "src/base/secret.h"
#include "src/doctor/tcp.h"

struct _LIBSSH2_SESSION;  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): its own names
struct _LIBSSH2_CHANNEL;  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

namespace shutterseal::doctor {

struct SessionEnd {
  void operator()(_LIBSSH2_SESSION* session) const;
};
struct ChannelEnd {
  void operator()(_LIBSSH2_CHANNEL* channel) const;
};
using Channel = std::unique_ptr<_LIBSSH2_CHANNEL, ChannelEnd>;

class Ssh {
 public:
  // Key exchange and no more. Nothing: not connected, or no common algorithm.
  [[nodiscard]] static std::optional<Ssh> open(const std::string& host, unsigned port, const std::string& from, std::int64_t timeout_ms);
  [[nodiscard]] std::string host_key_pin() const;  // "SHA256:…", as ssh-keygen -l prints it

  // The methods that the server offers this name ("publickey,password"); "none" when it let the name in without any.
  [[nodiscard]] std::string methods(const std::string& user);
  [[nodiscard]] bool login_with_key(const std::string& user, const Secret& private_key);
  [[nodiscard]] bool login_with_password(const std::string& user, const std::string& password);

  [[nodiscard]] Channel channel();
  [[nodiscard]] std::int64_t timeout_ms() const { return timeout_ms_; }
  // Each: does the server say yes?
  [[nodiscard]] bool gives_terminal();
  [[nodiscard]] bool gives_shell();           // a command line that computes
  [[nodiscard]] bool runs(const std::string& command, const std::string& answer);
  [[nodiscard]] bool takes_agent();
  [[nodiscard]] bool forwards_x11();
  [[nodiscard]] bool forwards_to(const std::string& host, int port);
  [[nodiscard]] bool listens_for_us();

 private:
  Ssh(Tcp tcp, std::int64_t timeout_ms) : tcp_(std::move(tcp)), timeout_ms_(timeout_ms) {}
  Tcp tcp_;
  std::int64_t timeout_ms_;
  std::unique_ptr<_LIBSSH2_SESSION, SessionEnd> session_;
};

}  // namespace shutterseal::doctor
