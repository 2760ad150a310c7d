// SPDX-License-Identifier: Apache-2.0
// The middle layer's secrets: content key, its wrapping for a custodian, AES-256-GCM. Keys are wiped when they go.
#pragma once

#include "src/base/secret.h"
#include "src/envelope/layers.h"
#include "src/envelope/openssl.h"

namespace shutterseal::envelope {

struct ContentKey {
  std::array<std::uint8_t, 32> octets{};
  ContentKey() = default;
  ContentKey(const ContentKey&) = delete;
  ContentKey& operator=(const ContentKey&) = delete;
  ~ContentKey() { wipe(octets.data(), octets.size()); }
};

// RFC 5753 section 3.1 with a fresh ephemeral key: ECDH, X9.63 KDF over SHA-256, AES-256 key wrap (RFC 3394).
[[nodiscard]] Recipient wrap_for(EVP_PKEY* custodian, const Ski& ski, const ContentKey& key);
// False: the wrap's own check value does not fit (a wrong key, or a changed octet).
[[nodiscard]] bool unwrap(const Recipient& recipient, EVP_PKEY* custodian, ContentKey& key);
// In place. The nonce may be fixed to one key's single use, but is drawn at random all the same.
void encrypt_gcm(const ContentKey& key, ByteView nonce, std::span<std::uint8_t> text, std::span<std::uint8_t> tag);
// `out` has the size of `text`; false, and `out` wiped, when the tag does not fit.
[[nodiscard]] bool decrypt_gcm(const ContentKey& key, ByteView nonce, ByteView text, ByteView tag, Bytes& out);

}  // namespace shutterseal::envelope
