// SPDX-License-Identifier: Apache-2.0
// A verifier that was taken over: each thing that it might try, from inside the real sandbox; and outside of it, where the same succeeds.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/ingestd/wire.h"
#include "src/sandbox/sandbox.h"
#include "test/unit/scratch.h"

namespace shutterseal::ingestd {

enum class Fence { none, sandbox };
using Deed = std::function<bool()>;

// The wait status of a child that did it: exit code 0 when it succeeded, 1 when it was refused.
static int status_after(Fence fence, int socket, const Deed& deed) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::dup2(socket, kVerifierFd) < 0) ::_exit(71);
    if (fence == Fence::sandbox) enter_sandbox(kVerifierFd);
    ::syscall(SYS_exit_group, deed() ? 0 : 1);  // before _exit() the address sanitizer makes a call that the sandbox ends
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

struct Pair {
  Pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    daemon.reset(ends[0]);
    worker.reset(ends[1]);
  }
  Fd daemon, worker;
};

static bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }
static bool succeeded(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

static bool is_stopped_by_the_sandbox(const char* name, const Deed& deed) {
  const Pair pair;
  INFO(name);
  CHECK(succeeded(status_after(Fence::none, pair.worker.get(), deed)));
  const int status = status_after(Fence::sandbox, pair.worker.get(), deed);
  CHECK(was_killed(status));
  return was_killed(status);
}

// A socket that listens at a path, to see who gets through to it.
static Fd listener(const std::string& path, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd.get(), 4) == 0);
  return fd;
}

TEST_CASE("from inside the sandbox nothing can be opened, made, renamed or removed") {
  const Scratch scratch;
  const auto path = scratch.path + "/file";
  is_stopped_by_the_sandbox("open", [] { return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0; });
  is_stopped_by_the_sandbox("create", [&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0; });
  is_stopped_by_the_sandbox("memory file", [] { return ::memfd_create("x", MFD_CLOEXEC) >= 0; });
  is_stopped_by_the_sandbox("directory", [&] { return ::mkdir((path + "-dir").c_str(), 0700) == 0; });
  is_stopped_by_the_sandbox("rename", [&] { return ::rename(path.c_str(), (path + "2").c_str()) == 0; });
  is_stopped_by_the_sandbox("link", [&] { return ::link((path + "2").c_str(), path.c_str()) == 0; });
  is_stopped_by_the_sandbox("remove", [&] { return ::unlink(path.c_str()) == 0; });
  is_stopped_by_the_sandbox("look", [] { struct stat info {}; return ::stat("/", &info) == 0; });
}

TEST_CASE("from inside the sandbox nobody can be connected to") {
  const Scratch scratch;
  sockaddr_un address{};
  const auto there = listener(scratch.path + "/socket", address);
  is_stopped_by_the_sandbox("connect", [&] {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  });
  is_stopped_by_the_sandbox("internet", [] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0; });
  is_stopped_by_the_sandbox("pair", [] { int ends[2]; return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0; });
}

TEST_CASE("from inside the sandbox nobody can be signalled, traced or started") {
  is_stopped_by_the_sandbox("signal", [] { return ::kill(::getppid(), 0) == 0; });
  is_stopped_by_the_sandbox("own parent's death", [] { return ::prctl(PR_SET_PDEATHSIG, SIGTERM) == 0; });
  is_stopped_by_the_sandbox("trace", [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0; });
  is_stopped_by_the_sandbox("fork", [] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    return child > 0;
  });
  is_stopped_by_the_sandbox("execute", [] {
    const char* const arguments[] = {"true", nullptr};
    return ::execve("/bin/true", const_cast<char* const*>(arguments), nullptr) == 0;
  });
}

TEST_CASE("from inside the sandbox no octet becomes code") {
  is_stopped_by_the_sandbox("map", [] { return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; });
  is_stopped_by_the_sandbox("protect", [] {
    auto* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
  });
}

// Under systemd standard error is a socket to the journal, and the allowed sendto() would write lines in the daemon's name.
TEST_CASE("a verifier inherits no descriptor but its own socket") {
  const Pair pair, journal;
  const auto heard = [&journal](Fence fence, int as) {
    const Deed speak = [as] { return ::send(as, "<6>refused", 10, MSG_NOSIGNAL) == 10; };
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const Pair own;
      if (::dup2(journal.worker.get(), as) < 0) ::_exit(71);
      // Before _exit() the thread sanitizer writes what standard output still holds, and it would be heard.
      ::syscall(SYS_exit_group, WEXITSTATUS(status_after(fence, own.worker.get(), speak)));
    }
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    char line[16];
    return ::recv(journal.daemon.get(), line, sizeof line, MSG_DONTWAIT) > 0;
  };
  for (const int as : {1, 2, 50}) {
    INFO("descriptor ", as);
    CHECK(heard(Fence::none, as));
    CHECK_FALSE(heard(Fence::sandbox, as));
  }
}

TEST_CASE("inside the sandbox a verifier can still answer") {
  const Pair pair;
  CHECK(succeeded(status_after(Fence::sandbox, pair.worker.get(), [] { return send_answer(kVerifierFd, Answer{}); })));
  Answer answer{};
  CHECK(receive_answer(pair.daemon.get(), answer, INT64_MAX / 2));
}

TEST_CASE("an answer of another size, none at all, or one that nobody asked for is no answer") {
  const Pair pair;
  const auto say = [&pair](std::size_t size) {
    const std::string octets(size, '\0');
    REQUIRE(::send(pair.worker.get(), octets.data(), octets.size(), 0) == static_cast<ssize_t>(size));
  };
  Answer answer{};
  CHECK(is_silent(pair.daemon.get()));
  CHECK_FALSE(receive_answer(pair.daemon.get(), answer, 0));
  for (const auto size : {sizeof(Answer) - 1, sizeof(Answer) + 1}) {
    say(size);
    CHECK_FALSE(receive_answer(pair.daemon.get(), answer, INT64_MAX / 2));
  }
  say(sizeof(Answer));
  CHECK_FALSE(is_silent(pair.daemon.get()));
  CHECK(receive_answer(pair.daemon.get(), answer, INT64_MAX / 2));
}

}  // namespace shutterseal::ingestd
