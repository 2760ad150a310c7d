// SPDX-License-Identifier: Apache-2.0
#include "src/base/error.h"
#include "src/envelope/lines.h"

namespace shutterseal::envelope {

Bytes sign_renewal(const Renewal& renewal, const ReceiptKey& key) {
  SHUTTERSEAL_BUG_UNLESS(renewal.chain.size() == 1 || renewal.chain.size() == 2);
  auto text = "shutterseal-renewal 1\ncamera " + renewal.camera.text() + "\ncertificate " + encode_base64(renewal.chain[0].der) + "\n";
  if (renewal.chain.size() == 2) text += "intermediate " + encode_base64(renewal.chain[1].der) + "\n";
  return sign_text(text, key.key, key.certificate);
}

Reading<Renewal> read_renewal(ByteView bytes, const CameraId& camera, std::span<const Digest> pins) {
  const auto text = read_signed_text(bytes, kLargestRenewal, pins);
  if (!text.value) return {std::nullopt, text.reason};
  Lines lines(text.value->text);
  lines.literal("shutterseal-renewal 1");
  const auto id = CameraId::parse(lines.value("camera"));
  auto certificate = certificate_of(lines.value("certificate"));
  const bool by_authority = lines.at_end();
  auto intermediate = by_authority ? std::nullopt : certificate_of(lines.value("intermediate"));
  if (!id || !certificate || !(by_authority || intermediate) || !lines.at_end()) return {std::nullopt, lines.complaint()};
  if (*id != camera) return {std::nullopt, "for another camera"};
  Renewal renewal{camera, {std::move(*certificate)}};
  if (intermediate) renewal.chain.push_back(std::move(*intermediate));
  return {std::move(renewal), ""};
}

bool is_good_renewal(std::span<const Certificate> chain, const Certificate& certified, const Certificate& authority) {
  const auto& one = chain.front();
  const bool is_same = one.point == certified.point && one.common_name == certified.common_name;
  const bool is_leaf = !certified.is_authority && !certified.is_intermediate && certified.is_signed_by(authority);
  if (!is_same || !is_leaf) return false;
  return chain.size() == 1 ? one.is_signed_by(authority) : one.is_renewed_by(chain[1]) && chain[1].is_signed_by(authority);
}

}  // namespace shutterseal::envelope
