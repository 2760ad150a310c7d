// SPDX-License-Identifier: Apache-2.0
#include "src/base/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "src/base/time.h"

namespace shutterseal {

static constexpr std::int64_t kBeatMs = 1000;

ServiceManager::ServiceManager() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  // A path, or '@' and an abstract name; anything else is not for us.
  if (!path || (path[0] != '/' && path[0] != '@') || std::strlen(path) >= sizeof(sockaddr_un::sun_path)) return;
  address_ = path;
  if (address_[0] == '@') address_[0] = '\0';
  socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

void ServiceManager::say(const char* word) const {
  if (!socket_) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const auto* generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  static_cast<void>(::sendto(socket_.get(), word, std::strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT, generic, size));
}

void ServiceManager::ready() const { say("READY=1"); }

void ServiceManager::alive() {
  if (monotonic_ms() < next_) return;
  next_ = monotonic_ms() + kBeatMs;
  say("WATCHDOG=1");
}

void ServiceManager::stopping() const { say("STOPPING=1"); }

}  // namespace shutterseal
