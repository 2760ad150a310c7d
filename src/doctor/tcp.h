// SPDX-License-Identifier: Apache-2.0
// One TCP connection with a deadline for every wait: a server that says nothing must not hang the doctor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "src/base/bytes.h"
#include "src/base/fd.h"

namespace shutterseal::doctor {

class Tcp {
 public:
  // `from`: a local address to come from, or empty. Nothing: refused, unreachable, timed out. Error no_input: the name has no address;
  // Error usage: `from` is no address of this host.
  [[nodiscard]] static std::optional<Tcp> connect(const std::string& host, unsigned port, const std::string& from, std::int64_t timeout_ms);
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool write(ByteView bytes);
  // Exactly `size` octets, or nothing: the end, an error, the deadline.
  [[nodiscard]] std::optional<Bytes> read_exactly(std::size_t size);
  // Up to and without the line feed; at most `limit` octets.
  [[nodiscard]] std::optional<std::string> read_line(std::size_t limit);

 private:
  Tcp(Fd fd, std::int64_t timeout_ms) : fd_(std::move(fd)), timeout_ms_(timeout_ms) {}
  [[nodiscard]] bool wait(short events, std::int64_t until) const;
  [[nodiscard]] std::optional<Bytes> read_until(std::size_t size, std::int64_t until);
  Fd fd_;
  std::int64_t timeout_ms_;  // of each call as a whole: a server that drips does not hold us
};

}  // namespace shutterseal::doctor
