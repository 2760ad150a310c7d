// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/lib/layers.h"

#include "src/envelope/cipher.h"
#include "test/fuzz/lib/fuzz.h"

namespace shutterseal::fuzz {

using namespace envelope;

const Passage& outer_passage() {
  static const Passage passage = [] {
    Passage made;
    made.camera = world().id.text();
    for (std::uint8_t i = 0; i < ChainId::kSize; ++i) made.chain.octets[i] = i;
    made.sequence = 42;
    made.sealed_at = 1'795'000'000'123;
    return made;
  }();
  return passage;
}

static Bytes joined(Bytes head, ByteView content, ByteView tail) {
  der::append(head, content);
  der::append(head, tail);
  return head;
}

Bytes around_middle(ByteView middle) {
  const auto& camera = world().camera;
  const SignerIdentity signer{world().camera_key, camera.ski, camera.fingerprint, {}};
  const auto& passage = outer_passage();
  const auto passage_der = encode_passage(passage);
  const auto frame = frame_signed_data(sha256(middle), middle.size(), {signer, Extra::passage, passage_der, passage.sealed_at - passage.sealed_at % 1000});
  return joined(frame.head, middle, frame.tail);
}

// One content key for all inputs: what is encrypted under it is of no interest to anybody.
struct Wrapped {
  ContentKey key;
  Bytes recipients;
  Wrapped() {
    key.octets.fill(1);
    recipients = encode_recipients({wrap_for(public_key_of(world().custodian.point).get(), world().custodian.ski, key)});
  }
};

Bytes around_inner(ByteView inner) {
  static const Wrapped wrapped;
  const Bytes nonce(kNonce, 7);
  Bytes text(inner.begin(), inner.end()), tag(kTag);
  encrypt_gcm(wrapped.key, nonce, text, tag);
  const auto frame = frame_middle(wrapped.recipients, nonce, text.size(), tag);
  return around_middle(joined(frame.head, text, frame.tail));
}

std::optional<Opened> judged_and_opened(ByteView message) {
  static Judge judge;
  const auto judged = judge.envelope(message, world().id.text(), world().signers, world().custodians);
  if (!is_stored(judged.verdict)) return std::nullopt;
  auto opened = open_envelope(message, judged, world().signers.front(), world().custodian_key);
  HOLDS(opened.verdict == Verdict::accepted || (opened.content.empty() && opened.capture.camera.empty()));
  return opened;
}

}  // namespace shutterseal::fuzz
