// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "src/base/assistant.h"

namespace shutterseal {

TEST_CASE("an assistant works beside its caller, one step after the other in the same thread") {
  Assistant assistant;
  std::thread::id first, second;
  {
    Assistant::Task task(&assistant, [&] { first = std::this_thread::get_id(); });
    task.wait();
  }
  Assistant::Task task(&assistant, [&] { second = std::this_thread::get_id(); });
  task.wait();
  CHECK(first == second);
  CHECK(first != std::this_thread::get_id());
}

TEST_CASE("without an assistant that is free a step runs in its caller's thread, when it is waited for") {
  Assistant assistant;
  std::thread::id alone, beside;
  Assistant::Task taken(&assistant, [] {});
  Assistant::Task without(nullptr, [&] { alone = std::this_thread::get_id(); });
  Assistant::Task second(&assistant, [&] { beside = std::this_thread::get_id(); });
  CHECK(alone == std::thread::id());
  without.wait();
  second.wait();
  CHECK(alone == std::this_thread::get_id());
  CHECK(beside == std::this_thread::get_id());
  taken.wait();
}

// 0 when the step ran in its caller's thread. In a process that may make no thread any more.
static int work_without_threads() {
  const struct rlimit none {0, 0};
  if (::setrlimit(RLIMIT_NPROC, &none) != 0 || (::getuid() == 0 && ::setuid(65534) != 0)) return 2;
  Assistant assistant;
  std::thread::id worker;
  Assistant::Task task(&assistant, [&] { worker = std::this_thread::get_id(); });
  task.wait();
  return worker == std::this_thread::get_id() ? 0 : 1;
}

TEST_CASE("where no thread is to be had a step runs in its caller's") {
  const auto child = ::fork();
  if (child == 0) ::_exit(work_without_threads());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("what a step throws comes out of wait(), and the assistant goes on") {
  Assistant assistant;
  {
    Assistant::Task task(&assistant, [] { throw std::runtime_error("broken"); });
    CHECK_THROWS_WITH(task.wait(), "broken");
  }
  int done = 0;
  { const Assistant::Task left(&assistant, [&] { ++done; }); }  // whoever leaves waits
  CHECK(done == 1);
  Assistant::Task task(&assistant, [&] { ++done; });
  task.wait();
  CHECK(done == 2);
}

}  // namespace shutterseal
