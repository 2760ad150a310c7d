// SPDX-License-Identifier: Apache-2.0
// An SSH agent inside this process, for libcurl alone: the one way in which it logs in without seeing a private key (a chip's cannot be
// seen; that of a file need not be).
// Source: draft-miller-ssh-agent sections 4.4 and 4.5 (identities, signing); RFC 4252 section 7 (what is signed at a login).
//
// SECURITY: the socket has no name once the agent runs, only a descriptor of this process, and other processes are turned away. What is
// signed is a login and nothing else: the one form of RFC 4252, as one of our users, with our key. The server chooses only the session's
// identifier in it, so it gets no signature that means anything elsewhere.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/base/bytes.h"

namespace shutterseal::transport {

struct SshIdentity {
  Bytes public_blob;                     // "ecdsa-sha2-nistp256", as RFC 5656 section 3.1 has it
  std::function<Bytes(ByteView)> sign;   // the signature's blob (section 3.1.2); called from the agent's thread; may throw Error
  std::vector<std::string> users;        // whom it may log in as
};

// One at a time in a process: libssh2 finds it by SSH_AUTH_SOCK, which the first one sets. Make it while no other thread runs.
class SshAgent {
 public:
  explicit SshAgent(SshIdentity identity);
  ~SshAgent();
  SshAgent(const SshAgent&) = delete;
  SshAgent& operator=(const SshAgent&) = delete;
  // Why the key could not sign since this was last asked; empty when it could.
  [[nodiscard]] std::string take_failure();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The octets of a login by `public_blob` as one of `users`, every octet accounted for. Exposed for tests.
[[nodiscard]] bool is_login(ByteView data, const SshIdentity& identity);

}  // namespace shutterseal::transport
