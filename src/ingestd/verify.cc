// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/verify.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <new>
#include <thread>

#include "src/base/error.h"
#include "src/ingestd/known_answer.h"

namespace shutterseal::ingestd {

static constexpr int kMostLooks = 100;
static constexpr auto kLookInterval = std::chrono::milliseconds(1);
static constexpr int kMostStarts = 3;

Verifier::~Verifier() { stop(); }

void Verifier::stop() {
  socket_.reset();
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

// Did somebody else end it with SIGKILL: the kernel for want of memory, an administrator? Bytes cannot: in the sandbox there is no kill(2).
// Who hung up is dying, and is given a moment to be dead.
bool Verifier::was_killed() {
  for (int look = 0; look < kMostLooks; ++look) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    std::this_thread::sleep_for(kLookInterval);
  }
  return false;
}

// posix_spawn, not fork: a copy of the daemon's page tables for each verifier would make all its threads fault on all its pages.
void Verifier::spawn() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("cannot start", "a verifier");
  const Fd theirs(ends[1]);
  socket_.reset(ends[0]);
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) throw std::bad_alloc();
  const std::unique_ptr<posix_spawn_file_actions_t, int (*)(posix_spawn_file_actions_t*)> end(&actions, ::posix_spawn_file_actions_destroy);
  const char* const arguments[] = {"shutterseal-ingestd", "--verifier", nullptr};
  const char* const environment[] = {nullptr};
  errno = ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), kVerifierFd);  // one that has this number already is kept over exec
  if (errno == 0)
    errno = ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
  if (errno != 0) {
    pid_ = -1;
    throw_errno("cannot start", "a verifier");
  }
}

// No judgement: a good picture must not end in quarantine, nor a daemon end, because memory was short for a moment.
static Error killed_from_outside() { return {ErrorKind::temporary, "a verifier was killed from outside: nothing was judged"}; }

bool Verifier::accepts_the_known_answer() {
  const auto& known = known_answer();
  const auto answers = ask(known.octets, known.camera, known.signers, known.custodians);
  return answers && answers->size() == 1 && answers->front().verdict == Verdict::accepted;
}

void Verifier::start() {
  for (int attempt = 0; attempt < kMostStarts; ++attempt) {
    spawn();
    judged_ = 0;
    memory_ = 0;
    if (accepts_the_known_answer()) return;
    const bool killed = was_killed();
    stop();
    if (!killed) throw Error(ErrorKind::unavailable, "the verifier cannot work here: it does not accept a good envelope; nothing was judged");
  }
  throw killed_from_outside();
}

void Verifier::prove() {
  if (pid_ < 0) start();
}

static std::unique_ptr<Request> make_request(const Arena& octets, const CameraId& camera, const std::vector<server::Signer>& signers,
                                             const std::vector<Ski>& custodians, std::uint64_t picture_limit) {
  auto request = std::make_unique<Request>();
  request->size = octets.view().size();
  request->picture_limit = picture_limit;
  SHUTTERSEAL_BUG_UNLESS(camera.text().size() < request->camera.size());
  std::copy(camera.text().begin(), camera.text().end(), request->camera.begin());
  // The newest names come last; a camera with more than 64 certificates loses the oldest of them here, and is refused, not let in.
  request->signers = static_cast<std::uint32_t>(std::min(signers.size(), kMostSigners));
  for (std::size_t i = 0; i < request->signers; ++i) {
    const auto& key = signers[signers.size() - request->signers + i].key;
    request->signer[i] = {key.ski.octets, key.certificate.octets, key.point};
  }
  request->custodians = static_cast<std::uint32_t>(std::min(custodians.size(), envelope::kMostRecipients));
  for (std::size_t i = 0; i < request->custodians; ++i) request->custodian[i] = custodians[i].octets;
  return request;
}

bool Verifier::send(const Arena& octets, Request& request) {
  const bool is_new = octets.memory() != memory_;
  request.capacity = is_new ? octets.capacity() : 0;
  if (!send_request(socket_.get(), request, octets.fd())) return false;
  memory_ = octets.memory();
  return true;
}

// What the daemon knows better than a verifier that may have been taken over.
static bool is_believable(const envelope::Judged& judged, ByteView bytes, std::size_t expected_offset, const CameraId& camera,
                          const std::vector<server::Signer>& signers) {
  if (judged.offset != expected_offset || judged.size > bytes.size() - expected_offset) return false;
  if (judged.size == 0 && !bytes.empty()) return false;
  if (!is_stored(judged.verdict)) return true;
  return judged.passage.camera == camera.text() && server::find_signer(signers, judged.certificate) != nullptr;
}

std::optional<std::vector<envelope::Judged>> Verifier::ask(const Arena& octets, const CameraId& camera,
                                                           const std::vector<server::Signer>& signers, const std::vector<Ski>& custodians) {
  if (!is_silent(socket_.get())) return std::nullopt;
  if (!send(octets, *make_request(octets, camera, signers, custodians, settings_.picture_limit))) return std::nullopt;
  const auto until = monotonic_ms() + settings_.verifier_limit_ms;
  std::vector<envelope::Judged> all;
  std::size_t at = 0;
  Answer answer{};
  do {
    if (all.size() == kMostAnswers || !receive_answer(socket_.get(), answer, until)) return std::nullopt;
    auto judged = from_answer(answer);
    if (!judged || !is_believable(*judged, octets.view(), at, camera, signers)) return std::nullopt;
    // The name decides what counts as stored already, so it is never taken from the verifier.
    judged->digest = envelope::sha256(octets.view().subspan(judged->offset, judged->size));
    at += judged->size;
    all.push_back(*judged);
  } while (answer.is_last == 0);
  if (at != octets.view().size()) return std::nullopt;
  return all;
}

std::vector<envelope::Judged> Verifier::judge(const Arena& octets, const CameraId& camera, const std::vector<server::Signer>& signers,
                                              const std::vector<Ski>& custodians) {
  if (judged_ >= settings_.verifier_life) stop();
  bool killed = false;
  for (int attempt = 0; attempt < 2; ++attempt) {
    prove();
    ++judged_;
    if (auto answers = ask(octets, camera, signers, custodians)) return std::move(*answers);
    killed = was_killed() || killed;
    stop();
    log_.warning(LogLine("verifier-replaced").field("camera", camera.text()));
  }
  if (killed) throw killed_from_outside();
  envelope::Judged all;
  all.verdict = Verdict::malformed;
  all.size = octets.view().size();
  return {all};
}

}  // namespace shutterseal::ingestd
