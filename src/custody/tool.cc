// SPDX-License-Identifier: Apache-2.0
#include "src/custody/tool.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/base/time.h"

namespace shutterseal::custody {

static constexpr std::size_t kMostOutput = std::size_t{1} << 20;
static constexpr std::int64_t kLongestAnswerMs = 30'000;
static constexpr int kNoAnswer = 124;  // as timeout(1)

static int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw_errno("cannot wait for", "a tool");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// 0 and the child's pid, or an errno.
static int spawn(const std::vector<std::string>& words, const posix_spawn_file_actions_t* actions, pid_t& child) {
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char language[] = "LC_ALL=C";
  char* const environment[] = {path, language, nullptr};
  return ::posix_spawn(&child, argv[0], actions, nullptr, argv.data(), environment);
}

void run_tool(const std::vector<std::string>& words) {
  pid_t child = 0;
  if (const int error = spawn(words, nullptr, child); error != 0) throw_errno("cannot run", words[0], error);
  if (wait_for(child) != 0) throw Error(ErrorKind::unavailable, "'" + words[0] + "' failed for '" + words.back() + "'");
}

// False: not all of it came in time. What a tool leaves behind may hold its output open for ever.
static bool read_all(int fd, std::string& output) {
  std::array<char, 4096> buffer{};
  for (const auto until = monotonic_ms() + kLongestAnswerMs;;) {
    struct pollfd waited {
      fd, POLLIN, 0
    };
    const auto left = until - monotonic_ms();
    const int ready = left <= 0 ? 0 : ::poll(&waited, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    if (output.size() < kMostOutput) output.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

ToolAnswer ask_tool(const std::vector<std::string>& words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("cannot run", words[0]);
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) throw std::bad_alloc();
  const std::unique_ptr<posix_spawn_file_actions_t, int (*)(posix_spawn_file_actions_t*)> end(&actions, ::posix_spawn_file_actions_destroy);
  if (::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO) != 0 ||
      ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDERR_FILENO) != 0 ||
      ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) != 0)
    throw std::bad_alloc();
  pid_t child = 0;
  ToolAnswer answer;
  if (spawn(words, &actions, child) != 0) return answer;
  theirs.reset();
  const bool has_ended = read_all(ours.get(), answer.output);
  if (!has_ended) {
    ::kill(child, SIGKILL);
    answer.output.insert(0, "no answer in " + std::to_string(kLongestAnswerMs / 1000) + " s\n");
  }
  const int status = wait_for(child);
  answer.status = has_ended ? status : kNoAnswer;
  return answer;
}

}  // namespace shutterseal::custody
