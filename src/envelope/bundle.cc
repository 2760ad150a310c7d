// SPDX-License-Identifier: Apache-2.0
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/envelope/lines.h"
#include "src/envelope/signed_data.h"

namespace shutterseal::envelope {

std::string bundle_text(const Bundle& bundle) {
  std::string text = "shutterseal-bundle 1\nserial " + std::to_string(bundle.serial) + "\ncamera " + bundle.camera.text() + "\n";
  for (const auto& url : bundle.urls) text += "url " + url + "\n";
  for (const auto& pin : bundle.host_key_pins) text += "host-key-pin " + pin + "\n";
  for (const auto& authority : bundle.tls_authorities) text += "tls-authority " + encode_base64(authority.der) + "\n";
  for (const auto& pin : bundle.receipt_pins) text += "receipt-pin " + pin.hex() + "\n";
  for (const auto& custodian : bundle.custodians) text += "custodian " + encode_base64(custodian.der) + "\n";
  for (const auto& certificate : bundle.certificate) text += "certificate " + encode_base64(certificate.der) + "\n";
  if (bundle.receipt_floor) text += "receipt-floor " + std::to_string(*bundle.receipt_floor) + "\n";
  return text;
}

// Reads the lines that start with `word`, at least `least` and at most `most`; `read` turns one into a value or nothing.
template <class T, class Read>
static bool read_some(Lines& lines, std::string_view word, std::size_t least, std::size_t most, std::vector<T>& out, Read read) {
  while (lines.next_is(word) && out.size() < most) {
    auto value = read(lines.value(word));
    if (!value) return false;
    out.push_back(std::move(*value));
  }
  return out.size() >= least;
}

static std::optional<std::string> plain_word(std::string_view text) {
  const bool good = !text.empty() && text.size() <= 512 &&
                    std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return good ? std::optional(std::string(text)) : std::nullopt;
}

std::optional<Certificate> certificate_of(std::string_view text) {
  const auto der = decode_base64(text);
  if (!der || der->size() > kLargestCertificate) return std::nullopt;
  try {
    return Certificate::from_der(*der, "a certificate in a signed text");
  } catch (const Error&) {
    return std::nullopt;
  }
}

static std::optional<TlsAuthority> tls_authority_of(std::string_view text) {
  const auto der = decode_base64(text);
  return der && der->size() <= kLargestCertificate ? TlsAuthority::from_der(*der) : std::nullopt;
}

Reading<Bundle> parse_bundle_text(std::string_view text) {
  Lines lines(text);
  lines.literal("shutterseal-bundle 1");
  const auto serial = parse_decimal(lines.value("serial"), kLargestInteger);
  const auto camera = CameraId::parse(lines.value("camera"));
  if (!serial || !camera) return {std::nullopt, lines.complaint()};
  Bundle bundle{*serial, *camera, {}, {}, {}, {}, {}, {}};
  std::vector<std::uint64_t> floor;
  const bool good = read_some(lines, "url", 1, 8, bundle.urls, plain_word) &&
                    read_some(lines, "host-key-pin", 1, 4, bundle.host_key_pins, plain_word) &&
                    read_some(lines, "tls-authority", 0, 4, bundle.tls_authorities, tls_authority_of) &&
                    read_some(lines, "receipt-pin", 1, 4, bundle.receipt_pins, Digest::parse) &&
                    read_some(lines, "custodian", 1, kMostCustodians, bundle.custodians, certificate_of) &&
                    read_some(lines, "certificate", 1, 1, bundle.certificate, certificate_of) &&
                    read_some(lines, "receipt-floor", 0, 1, floor, [](std::string_view word) { return parse_decimal(word, kLargestInteger); }) && lines.at_end();
  if (!good) return {std::nullopt, lines.complaint()};
  if (!floor.empty()) bundle.receipt_floor = floor.front();
  return {bundle, ""};
}

Bytes sign_bundle(std::string_view text, const PrivateKey& authority_key, const Certificate& authority) {
  if (authority_key.public_point() != authority.point)
    throw Error(ErrorKind::data, "the authority's key does not belong to its certificate");
  return sign_text(text, authority_key, authority);
}

std::optional<Digest> bundle_authority(ByteView bytes) {
  if (bytes.size() > kLargestBundle) return std::nullopt;
  const auto view = match_signed_data(bytes, true, Extra::none);
  return view ? std::optional(sha256(view->certificate)) : std::nullopt;
}

Reading<VerifiedBundle> read_bundle(ByteView bytes, const Digest& authority_pin) {
  auto text = read_signed_text(bytes, kLargestBundle, std::span(&authority_pin, 1));
  if (!text.value) return {std::nullopt, text.reason};
  auto bundle = parse_bundle_text(text.value->text);
  if (!bundle.value) return {std::nullopt, bundle.reason};
  const auto& authority = text.value->signer;
  for (const auto* group : {&bundle.value->custodians, &bundle.value->certificate})
    for (const auto& certificate : *group)
      if (!certificate.is_signed_by(authority)) return {std::nullopt, "holds a certificate that the authority did not sign"};
  return {VerifiedBundle{std::move(*bundle.value), authority}, ""};
}

}  // namespace shutterseal::envelope
