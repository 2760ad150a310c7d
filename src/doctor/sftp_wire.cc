// SPDX-License-Identifier: Apache-2.0
#include "src/doctor/sftp_wire.h"

#include <libssh2.h>

#include "src/base/time.h"
#include "src/doctor/octets.h"

namespace shutterseal::doctor {

static constexpr std::uint32_t kVersion = 3;
static constexpr std::uint8_t kInit = 1, kVersionReply = 2, kStatus = 101, kHandle = 102, kData = 103, kName = 104;
static constexpr std::size_t kLargestPacket = 256 * 1024;

// ---- octets -------------------------------------------------------------------------------------------------------------------------

Fields& Fields::number(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) octets_.push_back(static_cast<std::uint8_t>(value >> shift));
  return *this;
}

Fields& Fields::wide(std::uint64_t value) { return number(static_cast<std::uint32_t>(value >> 32)).number(static_cast<std::uint32_t>(value)); }

Fields& Fields::text(std::string_view value) {
  number(static_cast<std::uint32_t>(value.size()));
  octets_.insert(octets_.end(), value.begin(), value.end());
  return *this;
}

static std::optional<Reply> parse_reply(ByteView packet, std::uint32_t id) {
  if (packet.empty()) return std::nullopt;
  Reply reply;
  reply.type = packet[0];
  auto rest = packet.subspan(1);
  if (take_number(rest) != id) return std::nullopt;
  if (reply.type == kStatus) {
    const auto status = take_number(rest);
    if (!status) return std::nullopt;
    reply.status = *status;
  } else if (reply.type == kHandle || reply.type == kData || reply.type == kName) {
    if (reply.type == kName && !take_number(rest)) return std::nullopt;
    const auto text = take_text(rest);
    if (!text) return std::nullopt;
    reply.value = *text;
  }
  return reply;
}

// ---- the channel --------------------------------------------------------------------------------------------------------------------

bool SftpWire::send(ByteView packet) {
  Fields framed;
  framed.number(static_cast<std::uint32_t>(packet.size()));
  Bytes octets(framed.view().begin(), framed.view().end());
  octets.insert(octets.end(), packet.begin(), packet.end());
  for (std::size_t at = 0; at < octets.size();) {
    const auto put = libssh2_channel_write(channel_.get(), reinterpret_cast<const char*>(octets.data()) + at, octets.size() - at);
    if (put <= 0) return false;
    at += static_cast<std::size_t>(put);
  }
  return true;
}

static bool read_exactly(_LIBSSH2_CHANNEL* channel, Bytes& octets, std::int64_t until) {
  for (std::size_t at = 0; at < octets.size();) {
    const auto got = libssh2_channel_read(channel, reinterpret_cast<char*>(octets.data()) + at, octets.size() - at);
    if (got <= 0 || monotonic_ms() > until) return false;
    at += static_cast<std::size_t>(got);
  }
  return true;
}

std::optional<Bytes> SftpWire::receive() {
  const auto until = monotonic_ms() + timeout_ms_;
  Bytes head(4);
  if (!read_exactly(channel_.get(), head, until)) return std::nullopt;
  ByteView rest(head);
  const auto size = take_number(rest);
  if (!size || *size == 0 || *size > kLargestPacket) return std::nullopt;
  Bytes packet(*size);
  if (!read_exactly(channel_.get(), packet, until)) return std::nullopt;
  return packet;
}

std::optional<SftpWire> SftpWire::open(Ssh& ssh) {
  auto channel = ssh.channel();
  if (!channel || libssh2_channel_subsystem(channel.get(), "sftp") != 0) return std::nullopt;
  SftpWire wire(std::move(channel), ssh.timeout_ms());
  Bytes hello{kInit, 0, 0, 0, kVersion};
  if (!wire.send(hello)) return std::nullopt;
  const auto answer = wire.receive();
  if (!answer || (*answer)[0] != kVersionReply) return std::nullopt;
  return wire;
}

std::optional<Reply> SftpWire::ask(Request request, const Fields& fields) {
  Fields head;
  head.number(++id_);
  Bytes packet{static_cast<std::uint8_t>(request)};
  packet.insert(packet.end(), head.view().begin(), head.view().end());
  packet.insert(packet.end(), fields.view().begin(), fields.view().end());
  if (!send(packet)) return std::nullopt;
  const auto answer = receive();
  return answer ? parse_reply(*answer, id_) : std::nullopt;
}

bool SftpWire::grants(Request request, const Fields& fields) {
  const auto reply = ask(request, fields);
  return reply && reply->granted();
}

bool SftpWire::opens(const std::string& path, std::uint32_t flags) {
  const auto reply = ask(Request::open, Fields().text(path).number(flags).no_attributes());
  if (!reply || reply->type != kHandle) return false;
  static_cast<void>(ask(Request::close, Fields().text(reply->value)));
  return true;
}

}  // namespace shutterseal::doctor
