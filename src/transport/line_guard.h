// SPDX-License-Identifier: Apache-2.0
// A thread beside the one that is inside a library: it hangs up when a transfer takes too long, when its line is dead, or when the program is to stop.
//
// Why a thread: what asks for the time between two steps of a library is not asked while the library is inside one. libcurl 8.14.1 (Debian 13) is there for
// libssh2's whole minute, on a full core and without a look at its own timeouts, when a line falls silent while the agent logs in, or while a file is opened
// (7.88.1 returns; 8.16 and 8.17 mended it). Whatever a library waits for, what ends a line ends its waiting.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace shutterseal::transport {

// Milliseconds. connect: until the file is open. stall: no octet either way. total: one transfer. stop: how long a library may take to end by itself
// once the program is to stop.
struct LineLimits {
  std::int64_t connect_ms, stall_ms, total_ms, stop_ms;
};

class LineGuard {
 public:
  // `stop` is asked from the guard's thread, too.
  explicit LineGuard(std::function<bool()> stop);
  ~LineGuard();
  LineGuard(const LineGuard&) = delete;
  LineGuard& operator=(const LineGuard&) = delete;

  // The sockets of the line. Only closed here, under the lock: a moment later the number may be another file's.
  void opened(int socket);
  [[nodiscard]] int close(int socket);
  [[nodiscard]] bool is_open() const;
  [[nodiscard]] int newest() const;  // -1: none

  void begin(const LineLimits& limits);
  void file_is_open();         // connect_ms is over
  const char* end() noexcept;  // why it hung up; null when it did not
  // The line was reset since begin(): libcurl gives much of that the same names as a server's refusal. A server that ends a session itself says goodbye.
  [[nodiscard]] bool was_reset() const;

  // Since when a library has not returned although its line is gone, in ms; 0 when it is not so. From any thread.
  [[nodiscard]] std::int64_t stuck_ms() const;

 private:
  void run();
  void look(std::int64_t now);
  [[nodiscard]] const char* reason(std::int64_t now);
  [[nodiscard]] bool has_moved();

  const std::function<bool()> stop_;
  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::vector<int> sockets_;
  LineLimits limits_{};
  bool reset_ = false, at_work_ = false, resting_ = false, ending_ = false, file_is_open_ = false;
  std::int64_t started_at_ = 0, moved_at_ = 0, stop_since_ = 0, hung_up_at_ = 0;
  std::int64_t connecting_since_ = 0;  // 0: the connection is an earlier transfer's
  std::uint64_t octets_ = 0;
  const char* hung_up_because_ = nullptr;
  std::thread thread_;
};

}  // namespace shutterseal::transport
