// SPDX-License-Identifier: Apache-2.0
// More time for this camera's key: a request goes up when two thirds of the certificate's life have passed, and what the server or the authority
// made of it comes back. Key and chain stay; nothing that is sealed waits for it.
#pragma once

#include <functional>

#include "src/transport/transport.h"
#include "src/uploader/identity.h"

namespace shutterseal::uploader {

// keys/certificate.pem, when it is newer than the bundle's certificate and leads to the same authority for the same key; else nothing: the
// bundle's goes on to serve, and the next renewal mends the file.
[[nodiscard]] std::optional<envelope::Certificate> renewed_certificate(const Context& context, const envelope::VerifiedBundle& bundle);

// Checks the server's answer (signature by a pinned receipt key, camera, key, authority) and keeps it. False: not newer than the one in use.
// Error protocol says what is wrong; the one in use then stays.
[[nodiscard]] bool install_renewal(const Context& context, const Identity& identity, ByteView bytes);

class Renewal {
 public:
  using MakeRequest = std::function<Bytes()>;
  Renewal(const Context& context, const Identity& identity, MakeRequest make_request);
  // Once an hour from two thirds on. `server_time`: of the newest receipt, for a camera whose own clock stands still.
  [[nodiscard]] bool is_due(TimeMs server_time) const;
  // Sends the request and looks for the answer; an outcome of done or absent is a good contact. `answer` is empty unless there is one.
  [[nodiscard]] transport::Result ask(transport::Connection& connection, Bytes& answer);

 private:
  const Identity& identity_;
  MakeRequest make_request_;
  std::string state_file_;
  TimeMs asked_at_ = 0;
};

}  // namespace shutterseal::uploader
