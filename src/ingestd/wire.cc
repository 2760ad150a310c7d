// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/wire.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/base/time.h"

namespace shutterseal::ingestd {

// A record and room for one descriptor beside it.
struct Message {
  explicit Message(Request& request) : piece{&request, sizeof request} {
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
  struct iovec piece;
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  struct msghdr header {};
};

template <class Call>
static bool whole(std::size_t size, Call call) {
  ssize_t done;
  do done = call();
  while (done < 0 && errno == EINTR);
  return done == static_cast<ssize_t>(size);
}

static void attach(Message& message, int fd) {
  auto* control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(control), &fd, sizeof fd);
}

bool send_request(int socket, const Request& request, int memory) {
  auto copy = request;
  Message message(copy);
  if (request.capacity != 0)
    attach(message, memory);
  else
    message.header.msg_controllen = 0;
  return whole(sizeof copy, [&] { return ::sendmsg(socket, &message.header, MSG_NOSIGNAL); });
}

static Fd attached(Message& message) {
  const auto* control = CMSG_FIRSTHDR(&message.header);
  int fd = -1;
  if (control && control->cmsg_type == SCM_RIGHTS) std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
  return Fd(fd);
}

bool receive_request(int socket, Request& request, Fd& memory) {
  Message message(request);
  if (!whole(sizeof request, [&] { return ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC); })) return false;
  memory = attached(message);
  return static_cast<bool>(memory) == (request.capacity != 0);
}

bool send_answer(int socket, const Answer& answer) {
  return whole(sizeof answer, [&] { return ::send(socket, &answer, sizeof answer, MSG_NOSIGNAL); });
}

static bool is_readable(int socket, std::int64_t until) {
  struct pollfd waited {socket, POLLIN, 0};
  for (;;) {
    const auto left = std::clamp<std::int64_t>(until - monotonic_ms(), 0, 60'000);
    const int ready = ::poll(&waited, 1, static_cast<int>(left));
    if (ready >= 0 || errno != EINTR) return ready == 1;
  }
}

bool receive_answer(int socket, Answer& answer, std::int64_t until) {
  if (!is_readable(socket, until)) return false;
  // MSG_TRUNC: the true length, so that a longer message is not taken for one of ours.
  return whole(sizeof answer, [&] { return ::recv(socket, &answer, sizeof answer, MSG_TRUNC | MSG_DONTWAIT); });
}

bool is_silent(int socket) {
  char octet;
  return ::recv(socket, &octet, sizeof octet, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

Answer to_answer(const envelope::Judged& judged, bool is_last) {
  Answer answer{};
  const auto& passage = judged.passage;
  answer.offset = judged.offset;
  answer.size = judged.size;
  answer.is_last = is_last ? 1 : 0;
  answer.verdict = static_cast<std::uint8_t>(judged.verdict);
  answer.has_passage = passage.camera.empty() ? 0 : 1;
  if (answer.has_passage == 0) return answer;
  SHUTTERSEAL_BUG_UNLESS(passage.camera.size() <= answer.camera.size());
  std::copy(passage.camera.begin(), passage.camera.end(), answer.camera.begin());
  answer.camera_size = static_cast<std::uint8_t>(passage.camera.size());
  answer.certificate = judged.certificate.octets;
  answer.chain = passage.chain.octets;
  answer.sequence = passage.sequence;
  answer.previous = passage.previous.octets;
  answer.kind = static_cast<std::uint8_t>(passage.kind);
  answer.sealed_at = passage.sealed_at;
  if (passage.anchor) {
    answer.has_anchor = 1;
    answer.anchor_size = passage.anchor->size;
    answer.anchor_root = passage.anchor->root.octets;
  }
  if (passage.note) {
    answer.note_size = static_cast<std::uint8_t>(passage.note->size());
    std::copy(passage.note->begin(), passage.note->end(), answer.note.begin());
  }
  return answer;
}

static bool is_judges_verdict(std::uint8_t value) {
  for (const auto verdict : {Verdict::accepted, Verdict::wrong_recipients, Verdict::malformed, Verdict::too_large, Verdict::bad_signature,
                             Verdict::unknown_signer, Verdict::wrong_camera})
    if (value == static_cast<std::uint8_t>(verdict)) return true;
  return false;
}

static bool has_good_passage(const Answer& answer) {
  constexpr auto kLargest = kLargestInteger;
  return answer.camera_size <= answer.camera.size() && answer.sequence >= 1 && answer.sequence <= kLargest && answer.sealed_at >= 0 &&
         static_cast<std::uint64_t>(answer.sealed_at) <= kLargest && answer.kind <= 1 && answer.anchor_size <= kLargest &&
         CameraId::parse({answer.camera.data(), answer.camera_size}) && is_utf8({answer.note.data(), answer.note_size});
}

std::optional<envelope::Judged> from_answer(const Answer& answer) {
  if (!is_judges_verdict(answer.verdict)) return std::nullopt;
  envelope::Judged judged;
  judged.verdict = static_cast<Verdict>(answer.verdict);
  judged.offset = answer.offset;
  judged.size = answer.size;
  if (answer.has_passage == 0) return is_stored(judged.verdict) ? std::nullopt : std::optional(judged);
  if (!has_good_passage(answer)) return std::nullopt;
  judged.certificate.octets = answer.certificate;
  auto& passage = judged.passage;
  passage.camera.assign(answer.camera.data(), answer.camera_size);
  passage.chain.octets = answer.chain;
  passage.sequence = answer.sequence;
  passage.previous.octets = answer.previous;
  passage.kind = static_cast<envelope::Kind>(answer.kind);
  passage.sealed_at = answer.sealed_at;
  if (answer.has_anchor != 0) passage.anchor = envelope::Anchor{answer.anchor_size, Digest{answer.anchor_root}};
  if (answer.note_size != 0) passage.note.emplace(answer.note.data(), answer.note_size);
  return judged;
}

}  // namespace shutterseal::ingestd
