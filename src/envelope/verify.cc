// SPDX-License-Identifier: Apache-2.0
// Judging without a decryption key. SECURITY: every octet here may be an attacker's; nothing is decoded by a library before the template matched.
#include <algorithm>
#include <map>

#include "src/envelope/layers.h"
#include "src/envelope/signed_data.h"

namespace shutterseal::envelope {

TrustedSigner trusted_signer(const Certificate& certificate) { return {certificate.ski, certificate.fingerprint, certificate.point}; }

struct Judge::Impl {
  std::size_t largest_envelope;
  Naming naming;
  std::map<Point, PkeyPtr> keys;

  // Bounded: a long-lived worker sees every camera of a fleet.
  EVP_PKEY* key_of(const Point& point) {
    constexpr std::size_t kMostKeys = 1024;
    if (keys.size() >= kMostKeys) keys.clear();
    auto& key = keys[point];
    if (!key) key = public_key_of(point);
    return key.get();
  }
};

Judge::Judge(std::size_t largest_content, Naming naming) : impl_(std::make_unique<Impl>()) {
  impl_->largest_envelope = largest_content + kLargestOverhead;
  impl_->naming = naming;
}
Judge::~Judge() = default;

static const TrustedSigner* find_signer(std::span<const TrustedSigner> signers, const SignedView& view) {
  const auto found = std::find_if(signers.begin(), signers.end(), [&](const TrustedSigner& one) {
    return one.ski == view.ski && one.certificate == view.certificate_digest;
  });
  return found == signers.end() ? nullptr : &*found;
}

static bool names_one_of(const MiddleView& middle, std::span<const Ski> custodians) {
  return std::any_of(middle.recipients.begin(), middle.recipients.end(), [&](const Recipient& recipient) {
    return std::find(custodians.begin(), custodians.end(), recipient.ski) != custodians.end();
  });
}

static TimeMs whole_seconds(TimeMs time) { return time - time % 1000; }

Judged Judge::envelope(ByteView bytes, std::string_view camera, std::span<const TrustedSigner> signers, std::span<const Ski> custodians) {
  Judged judged;
  judged.size = bytes.size();
  if (impl_->naming == Naming::compute) judged.digest = sha256(bytes);
  const auto with = [&judged](Verdict verdict) {
    judged.verdict = verdict;
    return judged;
  };
  if (bytes.size() > impl_->largest_envelope) return with(Verdict::too_large);
  if (bytes.size() < kSmallestEnvelope) return with(Verdict::malformed);
  const auto view = match_signed_data(bytes, false, Extra::passage);
  const auto passage = view ? read_passage(view->extra) : std::nullopt;
  const auto middle = passage ? match_middle(view->content) : std::nullopt;
  if (!middle || whole_seconds(passage->sealed_at) != view->signing_time) return with(Verdict::malformed);
  const auto* signer = find_signer(signers, *view);
  if (!signer) return with(Verdict::unknown_signer);
  auto* key = impl_->key_of(signer->point);
  if (!key || !is_signed_by(*view, key, sha256(view->content))) return with(Verdict::bad_signature);
  judged.passage = *passage;
  judged.certificate = signer->certificate;
  if (!camera.empty() && passage->camera != camera) return with(Verdict::wrong_camera);
  return with(names_one_of(*middle, custodians) ? Verdict::accepted : Verdict::wrong_recipients);
}

// In the place of the last one: what begins with it is one refusal, so that there are no more answers than were asked for.
static std::vector<Judged> with_rest(std::vector<Judged> all, std::size_t at, std::size_t rest) {
  auto last = Judged{};
  last.offset = all.back().offset;
  last.size = at - last.offset + rest;
  all.back() = std::move(last);
  return all;
}

std::vector<Judged> Judge::parcel(ByteView bytes, std::string_view camera, std::span<const TrustedSigner> signers,
                                  std::span<const Ski> custodians, std::size_t most) {
  std::vector<Judged> all;
  std::size_t at = 0;
  do {
    const auto rest = bytes.subspan(at);
    if (all.size() == most) return with_rest(std::move(all), at, rest.size());
    der::Shape shape;
    const bool split = !rest.empty() && rest[0] == der::kSequence && der::read_shape(rest, shape);
    const auto total = split ? shape.header + shape.content : rest.size();
    // A size that reaches beyond the end leaves nothing to go on from: the rest is one refusal.
    const auto take = total <= rest.size() ? static_cast<std::size_t>(total) : rest.size();
    auto judged = envelope(rest.first(take), camera, signers, custodians);
    if (total > impl_->largest_envelope && judged.verdict == Verdict::malformed) judged.verdict = Verdict::too_large;
    judged.offset = at;
    all.push_back(std::move(judged));
    at += take;
  } while (at < bytes.size());
  return all;
}

}  // namespace shutterseal::envelope
