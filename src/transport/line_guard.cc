// SPDX-License-Identifier: Apache-2.0
#include "src/transport/line_guard.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "src/base/time.h"

namespace shutterseal::transport {

static constexpr std::chrono::milliseconds kLookAgain{50};
static constexpr int kClosed = 7;  // TCP_CLOSE of netinet/tcp.h, which cannot stand beside the kernel's header

LineGuard::LineGuard(std::function<bool()> stop) : stop_(std::move(stop)), thread_([this] { run(); }) {}

LineGuard::~LineGuard() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

void LineGuard::opened(int socket) {
  const std::lock_guard lock(mutex_);
  sockets_.push_back(socket);
  if (connecting_since_ == 0) connecting_since_ = monotonic_ms();
}

static bool is_reset(int socket) {
  struct tcp_info info {};
  socklen_t size = sizeof info;
  return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == kClosed;
}

bool LineGuard::was_reset() const {
  const std::lock_guard lock(mutex_);
  return reset_ || std::any_of(sockets_.begin(), sockets_.end(), is_reset);
}

int LineGuard::close(int socket) {
  const std::lock_guard lock(mutex_);
  reset_ = reset_ || is_reset(socket);
  std::erase(sockets_, socket);
  return ::close(socket);
}

bool LineGuard::is_open() const { return newest() >= 0; }

int LineGuard::newest() const {
  const std::lock_guard lock(mutex_);
  return sockets_.empty() ? -1 : sockets_.back();
}

void LineGuard::begin(const LineLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  at_work_ = true;
  file_is_open_ = reset_ = false;
  hung_up_because_ = nullptr;
  connecting_since_ = stop_since_ = hung_up_at_ = 0;
  started_at_ = moved_at_ = monotonic_ms();
  // Between two transfers it may not have gone to rest yet: then its next look is soon enough.
  if (resting_) woken_.notify_one();
}

void LineGuard::file_is_open() {
  const std::lock_guard lock(mutex_);
  file_is_open_ = true;
}

const char* LineGuard::end() noexcept {
  const std::lock_guard lock(mutex_);
  at_work_ = false;
  hung_up_at_ = 0;
  return hung_up_because_;
}

std::int64_t LineGuard::stuck_ms() const {
  const std::lock_guard lock(mutex_);
  return hung_up_at_ == 0 ? 0 : monotonic_ms() - hung_up_at_;
}

void LineGuard::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (at_work_) {
      look(monotonic_ms());
      woken_.wait_for(lock, kLookAgain, [this] { return ending_; });
    } else {
      resting_ = true;
      woken_.wait(lock, [this] { return ending_ || at_work_; });
      resting_ = false;
    }
  }
}

// A line that opens after it was given up is hung up as well: libcurl may try a host's next address.
void LineGuard::look(std::int64_t now) {
  if (!hung_up_because_) hung_up_because_ = reason(now);
  if (!hung_up_because_) return;
  if (hung_up_at_ == 0) hung_up_at_ = now;
  for (const auto socket : sockets_) static_cast<void>(::shutdown(socket, SHUT_RDWR));
}

const char* LineGuard::reason(std::int64_t now) {
  if (stop_since_ == 0 && stop_()) stop_since_ = now;
  if (stop_since_ != 0 && now - stop_since_ >= limits_.stop_ms) return "told to stop";
  if (now - started_at_ >= limits_.total_ms) return "the transfer took longer than total-timeout";
  if (connecting_since_ != 0 && !file_is_open_ && now - connecting_since_ >= limits_.connect_ms) return "not logged in, with a file open, within connect-timeout";
  if (has_moved()) moved_at_ = now;
  return now - moved_at_ >= limits_.stall_ms ? "the line is dead: nothing moved for stall-timeout" : nullptr;
}

// By the kernel's count, either way: at 10 kbit/s a login, or the first acknowledgement of SFTP, takes longer than a dead line may. While TCP connects,
// connect-timeout alone counts.
bool LineGuard::has_moved() {
  std::uint64_t octets = 0;
  for (const auto socket : sockets_) {
    struct tcp_info info {};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) octets += info.tcpi_bytes_acked + info.tcpi_bytes_received;
  }
  return std::exchange(octets_, octets) != octets || octets == 0;
}

}  // namespace shutterseal::transport
