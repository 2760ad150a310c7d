// SPDX-License-Identifier: Apache-2.0
#include "src/doctor/tcp.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/base/time.h"

namespace shutterseal::doctor {

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

static Addresses resolve(const std::string& host, const std::string& service, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), service.empty() ? nullptr : service.c_str(), &hints, &found) != 0) found = nullptr;
  return {found, [](addrinfo* list) { if (list) ::freeaddrinfo(list); }};
}

static void come_from(int fd, const addrinfo& remote, const std::string& from) {
  if (from.empty()) return;
  const auto local = resolve(from, "", AI_NUMERICHOST);
  if (!local) throw Error(ErrorKind::usage, "'" + escape_untrusted(from) + "' is no address");
  if (local->ai_family != remote.ai_family || ::bind(fd, local->ai_addr, local->ai_addrlen) != 0)
    throw Error(ErrorKind::usage, "cannot come from '" + escape_untrusted(from) + "': no address of this host");
}

static bool finished(int fd, std::int64_t timeout_ms) {
  pollfd waited{fd, POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  return ::poll(&waited, 1, static_cast<int>(timeout_ms)) == 1 && ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

std::optional<Tcp> Tcp::connect(const std::string& host, unsigned port, const std::string& from, std::int64_t timeout_ms) {
  const auto addresses = resolve(host, std::to_string(port), AI_NUMERICSERV);
  if (!addresses) throw Error(ErrorKind::no_input, "'" + escape_untrusted(host) + "' has no address");
  for (const auto* one = addresses.get(); one; one = one->ai_next) {
    Fd fd(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) continue;
    come_from(fd.get(), *one, from);
    if (::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0 || (errno == EINPROGRESS && finished(fd.get(), timeout_ms)))
      return Tcp(std::move(fd), timeout_ms);
  }
  return std::nullopt;
}

bool Tcp::wait(short events, std::int64_t until) const {
  pollfd waited{fd_.get(), events, 0};
  const auto left = until - monotonic_ms();
  return left > 0 && ::poll(&waited, 1, static_cast<int>(left)) == 1;
}

bool Tcp::write(ByteView bytes) {
  const auto until = monotonic_ms() + timeout_ms_;
  while (!bytes.empty()) {
    const auto put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put > 0) bytes = bytes.subspan(static_cast<std::size_t>(put));
    if (put < 0 && (errno != EAGAIN || !wait(POLLOUT, until))) return false;
  }
  return true;
}

std::optional<Bytes> Tcp::read_until(std::size_t size, std::int64_t until) {
  Bytes bytes(size);
  for (std::size_t at = 0; at < size;) {
    const auto got = ::recv(fd_.get(), bytes.data() + at, size - at, 0);
    if (got == 0 || (got < 0 && (errno != EAGAIN || !wait(POLLIN, until)))) return std::nullopt;
    if (got > 0) at += static_cast<std::size_t>(got);
    if (monotonic_ms() > until) return std::nullopt;
  }
  return bytes;
}

std::optional<Bytes> Tcp::read_exactly(std::size_t size) { return read_until(size, monotonic_ms() + timeout_ms_); }

std::optional<std::string> Tcp::read_line(std::size_t limit) {
  const auto until = monotonic_ms() + timeout_ms_;
  std::string line;
  while (line.size() < limit) {
    const auto octet = read_until(1, until);
    if (!octet) return std::nullopt;
    if (octet->front() == '\n') return line;
    line += static_cast<char>(octet->front());
  }
  return std::nullopt;
}

}  // namespace shutterseal::doctor
