// SPDX-License-Identifier: Apache-2.0
// SFTP version 3 (draft-ietf-secsh-filexfer-02) request by request, over a channel of libssh2: an attacker is not bound to what a library offers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "src/base/bytes.h"
#include "src/doctor/ssh.h"

namespace shutterseal::doctor {

// SSH_FXP_ codes.
enum class Request : std::uint8_t {
  open = 3, close = 4, read = 5, write = 6, lstat = 7, fstat = 8, setstat = 9, fsetstat = 10, opendir = 11, readdir = 12,
  remove = 13, mkdir = 14, rmdir = 15, realpath = 16, stat = 17, rename = 18, readlink = 19, symlink = 20, extended = 200,
};
inline constexpr std::uint32_t kRead = 1, kWrite = 2, kAppend = 4, kCreate = 8, kTruncate = 16, kExclusive = 32;  // SSH_FXF_

// The octets behind the request's id.
class Fields {
 public:
  Fields& number(std::uint32_t value);
  Fields& wide(std::uint64_t value);
  Fields& text(std::string_view value);
  Fields& no_attributes() { return number(0); }
  Fields& permissions(std::uint32_t mode) { return number(4).number(mode); }  // SSH_FILEXFER_ATTR_PERMISSIONS
  [[nodiscard]] ByteView view() const { return octets_; }

 private:
  Bytes octets_;
};

struct Reply {
  std::uint8_t type = 0;     // SSH_FXP_STATUS 101, HANDLE 102, DATA 103, NAME 104, ATTRS 105
  std::uint32_t status = 0;  // of a STATUS: 0 OK, 3 permission denied, 4 failure, 8 unsupported
  std::string value;         // of a HANDLE or DATA: its octets; of a NAME: the first name
  [[nodiscard]] bool granted() const { return type != 101 || status == 0; }
};

class SftpWire {
 public:
  [[nodiscard]] static std::optional<SftpWire> open(Ssh& ssh);  // nothing: no such subsystem
  // Nothing: the server hung up or broke the protocol, which grants nothing.
  [[nodiscard]] std::optional<Reply> ask(Request request, const Fields& fields);
  [[nodiscard]] bool grants(Request request, const Fields& fields);
  // An open that succeeds is closed again.
  [[nodiscard]] bool opens(const std::string& path, std::uint32_t flags);

 private:
  SftpWire(Channel channel, std::int64_t timeout_ms) : channel_(std::move(channel)), timeout_ms_(timeout_ms) {}
  [[nodiscard]] bool send(ByteView packet);
  [[nodiscard]] std::optional<Bytes> receive();
  Channel channel_;
  std::int64_t timeout_ms_;
  std::uint32_t id_ = 0;
};

}  // namespace shutterseal::doctor
