// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/alert_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <vector>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/ingestd/alarm.h"

namespace shutterseal::ingestd {

static constexpr std::size_t kMostCommands = 4, kMostLeft = 16;
static constexpr int kPollMs = 1000, kLeftPollMs = 100;

// ---- the daemon's side ----------------------------------------------------------------------------------------------------------------

// Between fork and exec: async-signal-safe calls alone, because other threads may hold locks.
[[noreturn]] static void become_runner(int socket, const char* const* arguments) {
  if (socket == kAlertFd) {
    if (::fcntl(socket, F_SETFD, 0) != 0) ::_exit(71);
  } else if (::dup2(socket, kAlertFd) < 0) {
    ::_exit(71);
  }
  const char* const environment[] = {nullptr};
  ::execve("/proc/self/exe", const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
  ::_exit(71);
}

pid_t spawn_alert_runner(const Context& context, int socket) {
  std::vector<std::string> words{kProgram, "--alert-runner"};
  words.insert(words.end(), context.given.begin(), context.given.end());
  std::vector<const char*> arguments;
  for (const auto& word : words) arguments.push_back(word.c_str());
  arguments.push_back(nullptr);
  const auto pid = ::fork();
  if (pid < 0) throw_errno("cannot start", "the alert runner");
  if (pid == 0) become_runner(socket, arguments.data());
  return pid;
}

// ---- one command ------------------------------------------------------------------------------------------------------------------------

struct Command {
  pid_t pid = -1;
  Fd ended;  // readable when it did
  std::int64_t deadline = 0;
  bool late = false;
  Alert alert;
};

static void must(int error, const char* what) {
  if (error != 0) throw_errno("cannot run", what, error);
}

// Nothing of ours but standard input, output and error, which are nobody's; a process group of its own, so that what it starts ends with it.
class SpawnOrder {
 public:
  SpawnOrder() {
    must(::posix_spawn_file_actions_init(&actions_), "a command");
    must(::posix_spawnattr_init(&attributes_), "a command");
    must(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0), "a command");
    must(::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0), "a command");
    must(::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO), "a command");
    must(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1), "a command");
    must(::posix_spawn_file_actions_addchdir_np(&actions_, "/"), "a command");
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    for (const int number : {SIGPIPE, SIGXFSZ, SIGIO}) sigaddset(&ignored, number);  // by us (run_main), not for what we start
    must(::posix_spawnattr_setsigmask(&attributes_, &none), "a command");
    must(::posix_spawnattr_setsigdefault(&attributes_, &ignored), "a command");
    must(::posix_spawnattr_setpgroup(&attributes_, 0), "a command");
    must(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP), "a command");
  }
  ~SpawnOrder() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnOrder(const SpawnOrder&) = delete;
  SpawnOrder& operator=(const SpawnOrder&) = delete;
  [[nodiscard]] pid_t run(const std::vector<std::string>& words, const std::vector<std::string>& environment) const {
    pid_t pid = -1;
    must(::posix_spawn(&pid, words.front().c_str(), &actions_, &attributes_, pointers(words).data(), pointers(environment).data()), words.front().c_str());
    return pid;
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> all;
    for (const auto& word : words) all.push_back(const_cast<char*>(word.c_str()));
    all.push_back(nullptr);
    return all;
  }
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// ---- the runner -------------------------------------------------------------------------------------------------------------------------

namespace {

class Runner {
 public:
  Runner(const Context& context, const Log& log, StopSignal& stop_signal) : context_(context), log_(log), stop_signal_(stop_signal) {}
  void run();

 private:
  void wait();
  void take();
  [[nodiscard]] bool start(Alert alert);
  void look();
  void end(Command& command);
  void fail(const Alert& alert, const std::string& reason) const;
  [[nodiscard]] static LogLine line_of(const char* event, const Alert& alert);
  const Context& context_;
  const Log& log_;
  StopSignal& stop_signal_;
  bool open_ = true;
  std::vector<Command> running_;
  struct Left {
    pid_t group;
    std::int64_t deadline;
  };
  std::vector<Left> left_;  // process groups of commands that ended
};

LogLine Runner::line_of(const char* event, const Alert& alert) {
  LogLine line(event);
  line.field("camera", alert.camera).field("kind", alert.kind).number("count", static_cast<std::int64_t>(alert.count));
  return line;
}

void Runner::fail(const Alert& alert, const std::string& reason) const { log_.error(line_of("alert-failed", alert).sentence("reason", reason)); }

bool Runner::start(Alert alert) {
  auto environment = environment_of(alert);
  environment.insert(environment.end(), {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"});
  pid_t pid = -1;
  try {
    pid = SpawnOrder().run(context_.settings.alert_argv, environment);
  } catch (const Error& error) {
    fail(alert, error.what());
    return false;
  }
  Fd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  running_.push_back({pid, std::move(ended), monotonic_ms() + context_.settings.alert_timeout_ms, false, std::move(alert)});
  return true;
}

// The daemon may be gone, and asks its next start then.
static void answer(bool started) { static_cast<void>(::send(kAlertFd, started ? &kStarted : &kNotStarted, 1, MSG_NOSIGNAL | MSG_DONTWAIT)); }

void Runner::take() {
  std::array<char, kLargestAlert + 1> buffer{};
  const auto got = ::recv(kAlertFd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    open_ = false;
    return;
  }
  auto alert = parse_alert({buffer.data(), static_cast<std::size_t>(got)});
  if (!alert) log_.error(LogLine("trouble").sentence("reason", "an alert that is none"));
  answer(alert && start(std::move(*alert)));
}

void Runner::end(Command& command) {
  int status = 0;
  if (::waitpid(command.pid, &status, WNOHANG) != command.pid) return;
  left_.push_back({command.pid, command.deadline});
  command.pid = -1;
  if (command.late)
    fail(command.alert, "not done in alert-timeout");
  else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail(command.alert, WIFEXITED(status) ? "status " + std::to_string(WEXITSTATUS(status)) : "signal " + std::to_string(WTERMSIG(status)));
  else
    log_.info(line_of("alerted", command.alert));
}

void Runner::look() {
  const bool stop = stop_signal_.stop_requested();
  if (stop) open_ = false;
  for (auto& command : running_) {
    if (!command.late && (stop || monotonic_ms() >= command.deadline)) {
      command.late = true;
      static_cast<void>(::kill(-command.pid, SIGKILL));
    }
    end(command);
  }
  std::erase_if(running_, [](const Command& command) { return command.pid < 0; });
  // A mail system delivers behind the back of what called it, and has the command's time for it. While anything is in the group, the kernel gives its
  // number to nobody else.
  std::erase_if(left_, [stop](const Left& left) {
    const bool late = stop || monotonic_ms() >= left.deadline;
    return ::kill(-left.group, late ? SIGKILL : 0) != 0 || late;
  });
}

void Runner::wait() {
  std::vector<pollfd> polled{{stop_signal_.fd(), POLLIN, 0}, {open_ && running_.size() < kMostCommands && left_.size() < kMostLeft ? kAlertFd : -1, POLLIN, 0}};
  auto pause = static_cast<std::int64_t>(left_.empty() ? kPollMs : kLeftPollMs);
  for (const auto& command : running_) {
    polled.push_back({command.ended.get(), POLLIN, 0});
    if (!command.late) pause = std::clamp<std::int64_t>(command.deadline - monotonic_ms(), 0, pause);
  }
  static_cast<void>(::poll(polled.data(), polled.size(), static_cast<int>(pause)));
  if (polled[1].revents != 0) take();
}

void Runner::run() {
  while (open_ || !running_.empty() || !left_.empty()) {
    wait();
    look();
  }
}

}  // namespace

void run_alerts(const Context& context, const Log& log, StopSignal& stop_signal) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(kAlertFd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
    throw Error(ErrorKind::usage, "--alert-runner is for the daemon and systemd: there is no socket to read from");
  if (context.settings.alert_argv.empty()) throw Error(ErrorKind::config, "no alert-command is configured");
  Runner(context, log, stop_signal).run();
}

}  // namespace shutterseal::ingestd
