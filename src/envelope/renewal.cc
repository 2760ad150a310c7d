// SPDX-License-Identifier: Apache-2.0
#include "src/base/error.h"
#include "src/envelope/lines.h"

namespace shutterseal::envelope {

Bytes sign_renewal(const Renewal& renewal, const ReceiptKey& key) {
  const auto text = "shutterseal-renewal 1\ncamera " + renewal.camera.text() + "\ncertificate " + encode_base64(renewal.certificate.der) +
                    "\nintermediate " + encode_base64(renewal.intermediate.der) + "\n";
  return sign_text(text, key.key, key.certificate);
}

Reading<Renewal> read_renewal(ByteView bytes, const CameraId& camera, std::span<const Digest> pins) {
  const auto text = read_signed_text(bytes, kLargestRenewal, pins);
  if (!text.value) return {std::nullopt, text.reason};
  Lines lines(text.value->text);
  lines.literal("shutterseal-renewal 1");
  const auto id = CameraId::parse(lines.value("camera"));
  auto certificate = certificate_of(lines.value("certificate"));
  auto intermediate = certificate_of(lines.value("intermediate"));
  if (!id || !certificate || !intermediate || !lines.at_end()) return {std::nullopt, lines.complaint()};
  if (*id != camera) return {std::nullopt, "for another camera"};
  return {Renewal{camera, std::move(*certificate), std::move(*intermediate)}, ""};
}

bool is_good_renewal(const Certificate& certificate, const Certificate& intermediate, const Certificate& certified, const Certificate& authority) {
  return certificate.point == certified.point && certificate.common_name == certified.common_name && !certified.is_authority &&
         !certified.is_intermediate && certified.is_signed_by(authority) && intermediate.is_signed_by(authority) &&
         certificate.is_renewed_by(intermediate);
}

}  // namespace shutterseal::envelope
