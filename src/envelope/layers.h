// SPDX-License-Identifier: Apache-2.0
// What is particular to our envelopes inside the general forms: the passage and capture attributes, and the middle layer's header.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "src/envelope/der.h"
#include "src/envelope/envelope.h"

namespace shutterseal::envelope {

[[nodiscard]] Bytes encode_passage(const Passage& passage);
[[nodiscard]] Bytes encode_capture(const Capture& capture);
[[nodiscard]] std::optional<Passage> read_passage(ByteView value);
[[nodiscard]] std::optional<Capture> read_capture(ByteView value);

inline constexpr std::size_t kNonce = 12, kTag = 16, kWrappedKey = 40;

struct Recipient {
  Ski ski;
  Point ephemeral{};
  std::array<std::uint8_t, kWrappedKey> wrapped{};
};
[[nodiscard]] Bytes encode_recipients(const std::vector<Recipient>& recipients);

// head || ciphertext || tail, as with SignedFrame.
struct MiddleFrame {
  Bytes head, tail;
};
[[nodiscard]] MiddleFrame frame_middle(ByteView recipients_der, ByteView nonce, std::size_t content_size, ByteView tag);

struct MiddleView {
  std::vector<Recipient> recipients;
  ByteView nonce, ciphertext, tag;
};
// Octet by octet, as match_signed_data. RFC 5083 and RFC 5084; the tag has 16 octets or there is no message (CVE-2026-34182).
[[nodiscard]] std::optional<MiddleView> match_middle(ByteView message);


}  // namespace shutterseal::envelope
