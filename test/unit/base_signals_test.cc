// SPDX-License-Identifier: Apache-2.0
// Signals that nobody asked for end no program of ours, and none that we are a guest of.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "src/base/program.h"
#include "test/unit/scratch.h"

namespace shutterseal {

// In a process of its own, with every signal as it is in a program that set none up: what it ends with.
static int status_of(const std::function<int()>& body) {
  const auto child = ::fork();
  if (child == 0) {
    for (const int number : {SIGIO, SIGPIPE, SIGXFSZ}) std::signal(number, SIG_DFL);
    ::_exit(body());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}
static bool ends_well(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

// 0 when a write beyond the limit came back with an error.
static int write_beyond_the_limit(const std::string& file) {
  const rlimit none{0, 0};
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT, 0600);
  if (fd < 0 || ::setrlimit(RLIMIT_FSIZE, &none) != 0) return 2;
  return ::write(fd, "x", 1) < 0 && errno == EFBIG ? 0 : 1;
}

static int raise_all() {
  for (const int number : {SIGIO, SIGPIPE, SIGXFSZ}) static_cast<void>(::raise(number));
  return 0;
}

TEST_CASE("no signal that a file system, a limit or a line sends ends a program of ours") {
  const Scratch scratch;
  CHECK(ends_well(status_of([&] { return run_main("test", [&] { return write_beyond_the_limit(scratch / "file"); }); })));
  CHECK(ends_well(status_of([] { return run_main("test", raise_all); })));
  CHECK(WIFSIGNALED(status_of([&] { return write_beyond_the_limit(scratch / "file"); })));
  CHECK(WIFSIGNALED(status_of(raise_all)));
}

TEST_CASE("in a process that is not ours they are held while we work, and it has its own way again behind that") {
  const Scratch scratch;
  const auto as_a_guest = [&] {
    const UnaskedSignals held;
    return write_beyond_the_limit(scratch / "file") + raise_all();
  };
  CHECK(ends_well(status_of(as_a_guest)));
  CHECK(WIFSIGNALED(status_of([&] { return as_a_guest() + raise_all(); })));
}

}  // namespace shutterseal
