// SPDX-License-Identifier: Apache-2.0
// What daemon and verifier say to each other over a SOCK_SEQPACKET pair: one Request, with the descriptor of the memory that the octets lie in when
// that is another than before, then one Answer an envelope, the last one marked. Fixed-size plain records: there is nothing to parse. The daemon
// believes nothing of an Answer (verify.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "src/base/fd.h"
#include "src/envelope/envelope.h"

namespace shutterseal::ingestd {

inline constexpr std::size_t kMostSigners = 64;    // certificates of one camera
inline constexpr std::size_t kMostAnswers = 1024;  // envelopes of one drop; what is behind them is malformed
inline constexpr int kVerifierFd = 3;

struct SignerRecord {
  std::array<std::uint8_t, 20> ski;
  std::array<std::uint8_t, 32> certificate;
  envelope::Point point;
};

struct Request {
  std::uint64_t size;      // of the drop, at the memory's beginning
  std::uint64_t capacity;  // of the memory that comes with this request; 0: none comes
  std::uint64_t picture_limit;
  std::uint32_t signers, custodians;
  std::array<char, 32> camera;  // NUL behind
  std::array<SignerRecord, kMostSigners> signer;
  std::array<std::array<std::uint8_t, 20>, envelope::kMostRecipients> custodian;
};

struct Answer {
  std::uint64_t offset, size;
  std::uint64_t sequence;
  std::int64_t sealed_at;
  std::uint64_t anchor_size;
  std::uint8_t is_last, verdict, kind, has_passage, has_anchor, note_size, camera_size;
  std::array<std::uint8_t, 32> certificate, previous, anchor_root;
  std::array<std::uint8_t, 16> chain;
  std::array<char, 64> camera;
  std::array<char, 255> note;
};

// One message each; false: the other side is gone or sent something else. `memory` goes along where request.capacity says so.
[[nodiscard]] bool send_request(int socket, const Request& request, int memory);
[[nodiscard]] bool receive_request(int socket, Request& request, Fd& memory);
[[nodiscard]] bool send_answer(int socket, const Answer& answer);
[[nodiscard]] bool receive_answer(int socket, Answer& answer, std::int64_t until);  // in monotonic_ms(); false, too: nothing came until then
[[nodiscard]] bool is_silent(int socket);  // alive, and nothing was sent that nobody asked for

[[nodiscard]] Answer to_answer(const envelope::Judged& judged, bool is_last);
// Nothing when a field is out of its range.
[[nodiscard]] std::optional<envelope::Judged> from_answer(const Answer& answer);

}  // namespace shutterseal::ingestd
