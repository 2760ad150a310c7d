// SPDX-License-Identifier: Apache-2.0
// Opening with a custodian's key. The exposed step: the outer layer was verified before, the template comes before every decoder, and no
// octet of plaintext leaves before both the tag and the inner signature passed (AES-GCM commits to no key: the tag alone proves little).
#include <algorithm>

#include "src/base/error.h"
#include "src/envelope/cipher.h"
#include "src/envelope/signed_data.h"

namespace shutterseal::envelope {

static bool decrypt_middle(const MiddleView& middle, const PrivateKey& custodian, Bytes& inner) {
  const auto ski = ski_of(custodian.public_point());
  for (const auto& recipient : middle.recipients) {
    ContentKey key;
    if (recipient.ski == ski && unwrap(recipient, custodian.impl().key.get(), key) &&
        decrypt_gcm(key, middle.nonce, middle.ciphertext, middle.tag, inner))
      return true;
  }
  return false;
}

// An enrolled camera could wrap another's signed picture as its own: both layers must be of one signer, camera, place in the chain and second.
static bool agrees_with_outer(const SignedView& inner, const Capture& capture, const Judged& outer, const TrustedSigner& signer,
                              TimeMs outer_time) {
  return inner.ski == signer.ski && inner.certificate_digest == signer.certificate && sha256(inner.certificate) == signer.certificate &&
         capture.camera == outer.passage.camera && capture.chain == outer.passage.chain && capture.sequence == outer.passage.sequence &&
         inner.signing_time == outer_time;
}

Opened open_envelope(ByteView bytes, const Judged& outer, const TrustedSigner& signer, const PrivateKey& custodian) {
  SHUTTERSEAL_BUG_UNLESS(outer.verdict == Verdict::accepted || outer.verdict == Verdict::wrong_recipients);
  const auto view = match_signed_data(bytes, false, Extra::passage);
  const auto middle = view ? match_middle(view->content) : std::nullopt;
  SHUTTERSEAL_BUG_UNLESS(middle);
  Opened opened;
  Bytes inner;
  if (!decrypt_middle(*middle, custodian, inner)) return opened;
  const auto leave = [&](Verdict verdict) {
    wipe(inner.data(), inner.size());
    opened.verdict = verdict;
    return opened;
  };
  const auto inner_view = match_signed_data(inner, true, Extra::capture);
  const auto capture = inner_view ? read_capture(inner_view->extra) : std::nullopt;
  if (!capture) return leave(Verdict::malformed);
  if (!agrees_with_outer(*inner_view, *capture, outer, signer, view->signing_time)) return leave(Verdict::inner_mismatch);
  const auto key = public_key_of(signer.point);
  if (!key || !is_signed_by(*inner_view, key.get(), sha256(inner_view->content))) return leave(Verdict::bad_signature);
  opened.content.assign(inner_view->content.begin(), inner_view->content.end());
  opened.capture = *capture;
  return leave(Verdict::accepted);
}

}  // namespace shutterseal::envelope
