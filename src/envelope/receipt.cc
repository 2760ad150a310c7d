// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/receipt.h"

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/envelope/lines.h"
#include "src/envelope/signed_data.h"

namespace shutterseal::envelope {

ReceiptKey ReceiptKey::from_pem(ByteView pem, const std::string& name) {
  ReceiptKey out{PrivateKey::from_pem(pem, Secret(), name), Certificate::from_pem(pem, name)};
  if (out.key.public_point() != out.certificate.point)
    throw Error(ErrorKind::config, "key and certificate in '" + name + "' do not belong together");
  return out;
}

Bytes sign_text(std::string_view text, const PrivateKey& key, const Certificate& certificate) {
  const auto content = as_bytes(text);
  const SignerIdentity signer{key, certificate.ski, certificate.fingerprint, certificate.der};
  const auto now = now_ms();
  const auto frame = frame_signed_data(sha256(content), content.size(), {signer, Extra::none, {}, now - now % 1000});
  Bytes out = frame.head;
  der::append(out, content);
  der::append(out, frame.tail);
  return out;
}

Reading<SignedText> read_signed_text(ByteView bytes, std::size_t limit, std::span<const Digest> pins) {
  if (bytes.size() > limit) return {std::nullopt, "too large"};
  const auto view = match_signed_data(bytes, true, Extra::none);
  if (!view) return {std::nullopt, "malformed"};
  const auto fingerprint = sha256(view->certificate);
  // The pin first: until it matches, nobody vouched for these octets, and no library may decode them.
  if (std::find(pins.begin(), pins.end(), fingerprint) == pins.end()) return {std::nullopt, "signed by a key that is not pinned"};
  auto certificate = Certificate::from_der(view->certificate, "the signer's certificate");
  const auto key = public_key_of(certificate.point);
  const bool named = view->ski == certificate.ski && view->certificate_digest == fingerprint;
  if (!named || !key || !is_signed_by(*view, key.get(), sha256(view->content))) return {std::nullopt, "bad signature"};
  return {SignedText{std::string(as_text(view->content)), std::move(certificate)}, ""};
}

static std::string receipt_text(const Receipt& receipt) {
  std::string text = "shutterseal-receipt 1\ncamera " + receipt.camera.text() + "\ntime " + rfc3339_ms(receipt.time) + "\nnumber " +
                     std::to_string(receipt.number) + "\n";
  for (const auto& run : receipt.runs)
    text += "run " + run.chain.hex() + " " + std::to_string(run.first) + " " + std::to_string(run.last) + " " + run.last_digest.hex() + "\n";
  for (const auto& refusal : receipt.refusals)
    text += "refused " + refusal.name + " " + refusal.digest.hex() + " " + std::string(verdict_name(refusal.verdict)) + "\n";
  return text;
}

Bytes sign_receipt(const Receipt& receipt, const ReceiptKey& key) {
  SHUTTERSEAL_BUG_UNLESS(receipt.runs.size() <= kMostRuns && receipt.refusals.size() <= kMostRefusals);
  return sign_text(receipt_text(receipt), key.key, key.certificate);
}

static std::optional<Run> read_run(const std::vector<std::string_view>& words) {
  if (words.size() != 4) return std::nullopt;
  const auto chain = ChainId::parse(words[0]);
  const auto first = parse_decimal(words[1], kLargestInteger), last = parse_decimal(words[2], kLargestInteger);
  const auto digest = Digest::parse(words[3]);
  if (!chain || !first || !last || !digest || *first == 0 || *first > *last) return std::nullopt;
  return Run{*chain, *first, *last, *digest};
}

static bool is_parcel_name(std::string_view name) {
  return name == "-" || (name.size() <= 64 && name.find_first_not_of("0123456789abcdef-.parcel") == std::string_view::npos);
}

static std::optional<Refusal> read_refusal(const std::vector<std::string_view>& words) {
  if (words.size() != 3 || !is_parcel_name(words[0])) return std::nullopt;
  const auto digest = Digest::parse(words[1]);
  const auto verdict = parse_verdict(words[2]);
  if (!digest || !verdict || !is_refused(*verdict)) return std::nullopt;
  return Refusal{std::string(words[0]), *digest, *verdict};
}

static Reading<Receipt> parse_receipt(std::string_view text) {
  Lines lines(text);
  lines.literal("shutterseal-receipt 1");
  const auto camera = CameraId::parse(lines.value("camera"));
  const auto time = parse_time(lines.value("time"));
  const auto number = parse_decimal(lines.value("number"), kLargestInteger);
  if (!camera || !time || !number) return {std::nullopt, lines.complaint()};
  Receipt receipt{*camera, *time, *number, {}, {}};
  while (lines.next_is("run") && receipt.runs.size() < kMostRuns)
    if (const auto run = read_run(split(lines.value("run"), ' '))) receipt.runs.push_back(*run);
    else return {std::nullopt, lines.complaint()};
  while (lines.next_is("refused") && receipt.refusals.size() < kMostRefusals)
    if (const auto refusal = read_refusal(split(lines.value("refused"), ' '))) receipt.refusals.push_back(*refusal);
    else return {std::nullopt, lines.complaint()};
  if (!lines.at_end()) return {std::nullopt, lines.complaint()};
  return {receipt, ""};
}

Reading<Receipt> read_receipt(ByteView bytes, const CameraId& camera, std::span<const Digest> pins) {
  const auto text = read_signed_text(bytes, kLargestReceipt, pins);
  if (!text.value) return {std::nullopt, text.reason};
  auto reading = parse_receipt(text.value->text);
  if (reading.value && reading.value->camera != camera) return {std::nullopt, "for another camera"};
  return reading;
}

}  // namespace shutterseal::envelope
