// SPDX-License-Identifier: Apache-2.0
// Zero-touch enrolment: the line that is given to a new camera, what its one-time token stands for, and the answer that only the camera opens. See
// shutterseal-envelope(5), INVITATIONS.
//
// SECURITY: the line is a secret until it was used. The server keeps the token's hash alone, and the public half of a key that the token makes: that
// key lets its holder put a request on the server, and the token inside the request is what counts there.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/envelope/receipt.h"

namespace shutterseal::envelope {

struct Invitation {
  CameraId camera;
  std::string token;  // 40 hexadecimal digits, 160 random bits; also the request's challenge
  Digest authority;   // fingerprint of its certificate
  std::vector<std::string> urls;           // 1..8, sftp:// alone
  std::vector<std::string> host_key_pins;  // 1..4, "SHA256:…"
};
inline constexpr std::size_t kTokenOctets = 20, kLongestInvitation = 1024;
[[nodiscard]] std::string new_token();
[[nodiscard]] std::string invitation_line(const Invitation& invitation);  // without a newline
[[nodiscard]] Reading<Invitation> parse_invitation(std::string_view line);

[[nodiscard]] Digest token_hash(std::string_view token);
// P-256, from the token alone: for the login, and to open the answer where the signing key is in a chip.
[[nodiscard]] PrivateKey key_of_token(std::string_view token);
// How request and answer are named, 64 hexadecimal digits: nobody who has not seen the request knows it.
[[nodiscard]] std::string name_of_request(const Point& signing_key, std::string_view token);

// AuthEnvelopedData as an envelope's middle layer, for the request's key and the token's.
[[nodiscard]] Bytes encrypt_answer(ByteView answer, const Point& signing_key, std::string_view token);
// With the signing key, or the token's where that is in a chip. Nothing: it is not what it must be, or for somebody else.
[[nodiscard]] std::optional<Bytes> decrypt_answer(ByteView bytes, const PrivateKey& signing_key, std::string_view token);

}  // namespace shutterseal::envelope
