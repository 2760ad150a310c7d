// SPDX-License-Identifier: Apache-2.0
#include "src/custody/confined.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/base/text.h"
#include "src/sandbox/sandbox.h"

namespace shutterseal::custody {

static constexpr int kLongestReadMs = 20'000;

// Plain and of one size: there is nothing to parse. Texts have a NUL behind them.
struct Record {
  std::uint8_t is_request;
  std::array<char, 32> camera;
  envelope::Point signing_key;
  std::array<char, 1024> ssh_public_key;
  std::array<char, envelope::kLongestChallenge + 1> challenge;
  std::array<char, 160> reason;
};

template <std::size_t size>
static void put(std::array<char, size>& out, std::string_view text) {
  std::copy_n(text.begin(), std::min(text.size(), size - 1), out.begin());
}

template <std::size_t size>
static std::string get(const std::array<char, size>& in) {
  return {in.data(), ::strnlen(in.data(), size)};
}

static Record to_record(const envelope::RequestReading& reading) {
  Record record{};
  put(record.reason, reading.reason);
  if (!reading.request || reading.request->ssh_public_key.size() >= record.ssh_public_key.size()) return record;
  record.is_request = 1;
  put(record.camera, reading.request->camera.text());
  record.signing_key = reading.request->signing_key;
  put(record.ssh_public_key, reading.request->ssh_public_key);
  put(record.challenge, reading.request->challenge);
  return record;
}

// Believed is what is well formed; what it says was the sender's to choose anyway.
static envelope::RequestReading from_record(const Record& record) {
  const auto camera = CameraId::parse(get(record.camera));
  const auto ssh = envelope::normal_ssh_public_key(get(record.ssh_public_key));
  if (record.is_request == 1 && camera && ssh) return {envelope::Request{*camera, record.signing_key, *ssh, get(record.challenge)}, ""};
  return {std::nullopt, get(record.reason)};
}

[[noreturn]] static void read_and_answer(int socket, ByteView pem) noexcept {
  int status = 1;
  try {
    static_cast<void>(envelope::sha256({}));  // libcrypto loads what it needs while it still may
    enter_sandbox(socket);
    const auto record = to_record(envelope::read_request_pem(pem));
    if (::send(socket, &record, sizeof record, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof record)) status = 0;
  } catch (...) {
    status = 1;
  }
  ::syscall(SYS_exit_group, status);  // no destructor, no exit handler: all that they would do is forbidden
  ::_exit(status);
}

envelope::RequestReading read_request_confined(ByteView pem, const std::string& name) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("cannot start", "a reader");
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw_errno("cannot start", "a reader");
  if (child == 0) read_and_answer(theirs.get(), pem);
  theirs.reset();
  Record record{};
  struct pollfd waited {
    ours.get(), POLLIN, 0
  };
  const bool spoke = ::poll(&waited, 1, kLongestReadMs) == 1 && ::recv(ours.get(), &record, sizeof record, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof record);
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!spoke) throw Error(ErrorKind::temporary, "the reader of '" + escape_untrusted(name, kLongestSubject) + "' gave no answer");
  return from_record(record);
}

}  // namespace shutterseal::custody
