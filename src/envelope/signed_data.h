// SPDX-License-Identifier: Apache-2.0
// The one form of CMS SignedData (RFC 5652 section 5) that this project writes and reads: one signer named by SKI, P-256, SHA-256,
// id-data, a closed set of signed attributes. Outer and inner layer, receipts and bundles are this form.
#pragma once

#include <optional>

#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/envelope/der.h"
#include "src/envelope/openssl.h"

namespace shutterseal::envelope {

enum class Extra { none, passage, capture };  // the fifth signed attribute
[[nodiscard]] const Bytes& oid_ssh_key();     // arc .3, in requests

inline constexpr std::size_t kLargestCertificate = 4096;

struct SignerIdentity {
  const PrivateKey& key;
  Ski ski;
  Digest certificate;
  ByteView include;  // the certificate's DER, or nothing: then the message carries none
};

// A message is head || content || tail: the content is never copied.
struct SignedFrame {
  Bytes head, tail;
};
struct SignedOrder {
  SignerIdentity signer;
  Extra extra = Extra::none;
  ByteView extra_value;
  TimeMs signing_time = 0;  // whole seconds
};
[[nodiscard]] SignedFrame frame_signed_data(const Digest& content_digest, std::size_t content_size, const SignedOrder& order);
// The same in two steps: the head needs no more of the tail than its size, and that is known before anything is signed if the signature has
// the usual size.
enum class SignatureSize { any, usual };
[[nodiscard]] Bytes frame_tail(const Digest& content_digest, const SignedOrder& order, SignatureSize size);
[[nodiscard]] Bytes frame_head(std::size_t content_size, std::size_t tail_size);
[[nodiscard]] std::size_t usual_tail_size(const SignedOrder& order);

// Views into the message; valid while it lives.
struct SignedView {
  ByteView content, certificate, attributes, extra, signature;
  Ski ski;
  Digest message_digest, certificate_digest;
  TimeMs signing_time = 0;  // whole seconds
  bool low_s = false;
};
// Compares the whole message with the template, octet by octet. Nothing: it differs somewhere.
[[nodiscard]] std::optional<SignedView> match_signed_data(ByteView message, bool with_certificate, Extra extra);
// The attributes' signature, low-s, and the content's digest against the signed one.
[[nodiscard]] bool is_signed_by(const SignedView& view, EVP_PKEY* key, const Digest& content_digest);

}  // namespace shutterseal::envelope
