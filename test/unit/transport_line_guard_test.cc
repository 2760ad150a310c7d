// SPDX-License-Identifier: Apache-2.0
// Who waits in a library on a line is let go when the guard hangs up, and only then.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/base/time.h"
#include "src/transport/line_guard.h"

namespace shutterseal::transport {

static constexpr std::int64_t kNever = 3'600'000;

// A line over TCP whose far end says only what a test lets it say. The near end is closed by the guard alone.
struct Line {
  Fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int near = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Fd far;

  Line() {
    struct sockaddr_in address {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener.get(), generic, size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
    REQUIRE(::connect(near, generic, size) == 0);
    far = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(static_cast<bool>(far));
    say("SSH-2.0");
  }
  void say(std::string_view words) const { REQUIRE(::send(far.get(), words.data(), words.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(words.size())); }
};

// As a library that asks nobody: reads until the line ends. Gives how long that took, in ms.
static std::int64_t read_to_the_end(int socket) {
  const auto since = monotonic_ms();
  char octets[64];
  while (::recv(socket, octets, sizeof octets, 0) > 0) {
  }
  return monotonic_ms() - since;
}

TEST_CASE("a library that waits on a dead line and asks nobody is let go, and why is known") {
  struct Case {
    LineLimits limits;
    const char* reason;
  };
  for (const auto& [limits, reason] : {Case{{300, kNever, kNever, kNever}, "not logged in, with a file open, within connect-timeout"},
                                       Case{{kNever, 300, kNever, kNever}, "the line is dead: nothing moved for stall-timeout"},
                                       Case{{kNever, kNever, 300, kNever}, "the transfer took longer than total-timeout"}}) {
    LineGuard guard([] { return false; });
    Line line;
    guard.begin(limits);
    guard.opened(line.near);
    CHECK(read_to_the_end(line.near) >= 250);
    CHECK(guard.end() == doctest::String(reason));
    CHECK(guard.close(line.near) == 0);
    CHECK_FALSE(guard.is_open());
  }
}

TEST_CASE("what is told to stop is let go, a moment later than it may go by itself") {
  std::atomic<bool> stop{false};
  LineGuard guard([&stop] { return stop.load(); });
  Line line;
  guard.begin({kNever, kNever, kNever, 300});
  guard.opened(line.near);
  stop = true;
  CHECK(read_to_the_end(line.near) >= 250);
  CHECK(guard.end() == doctest::String("told to stop"));
  CHECK(guard.close(line.near) == 0);
}

TEST_CASE("a line that moves, a file that is open and a connection of an earlier transfer are left alone") {
  LineGuard guard([] { return false; });
  Line line;
  guard.begin({400, 600, kNever, kNever});
  guard.opened(line.near);
  guard.file_is_open();
  for (int i = 0; i < 6; ++i) {
    static_cast<void>(::poll(nullptr, 0, 200));
    line.say("x");
  }
  CHECK(guard.end() == nullptr);
  // Between two transfers nobody counts; in the next one the connection is there already.
  static_cast<void>(::poll(nullptr, 0, 700));
  guard.begin({200, kNever, kNever, kNever});
  static_cast<void>(::poll(nullptr, 0, 500));
  CHECK(guard.end() == nullptr);
  char octet;
  CHECK(::recv(line.near, &octet, 1, MSG_DONTWAIT) == 1);
  CHECK(guard.close(line.near) == 0);
}

TEST_CASE("a library that does not come back from a line that is gone is known, until it does") {
  LineGuard guard([] { return false; });
  Line line;
  guard.begin({kNever, 200, kNever, kNever});
  guard.opened(line.near);
  CHECK(guard.stuck_ms() == 0);
  static_cast<void>(read_to_the_end(line.near));
  static_cast<void>(::poll(nullptr, 0, 300));  // it is busy elsewhere
  CHECK(guard.stuck_ms() >= 250);
  CHECK(guard.end() != nullptr);
  CHECK(guard.stuck_ms() == 0);
  CHECK(guard.close(line.near) == 0);
}

}  // namespace shutterseal::transport
