// SPDX-License-Identifier: Apache-2.0
// PKCS#10 requests (RFC 2986) of cameras: one strict template, written and read here.
#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/envelope/signed_data.h"

namespace shutterseal::envelope {

static constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE REQUEST-----\n";
static constexpr std::string_view kEnd = "-----END CERTIFICATE REQUEST-----\n";

// SubjectPublicKeyInfo of P-256 up to the point (RFC 5480 section 2).
static Bytes key_head() {
  const auto algorithm = der::sequence({der::oid({1, 2, 840, 10045, 2, 1}), der::oid({1, 2, 840, 10045, 3, 1, 7})});
  Bytes out = der::header(der::kSequence, algorithm.size() + 2 + 1 + sizeof(Point));
  der::append(out, algorithm);
  der::append(out, Bytes{der::kBitString, 1 + sizeof(Point), 0});
  return out;
}

static Bytes signature_algorithm() { return der::sequence({der::oid({1, 2, 840, 10045, 4, 3, 2})}); }
static Bytes common_name_oid() { return der::oid({2, 5, 4, 3}); }
static Bytes challenge_oid() { return der::oid({1, 2, 840, 113549, 1, 9, 7}); }

static std::string armour(ByteView der) {
  const auto body = encode_base64(der);
  std::string out(kBegin);
  for (std::size_t at = 0; at < body.size(); at += 64) out += body.substr(at, 64) + "\n";
  return out + std::string(kEnd);
}

static Bytes attribute(const Bytes& oid, std::string_view value) {
  return der::sequence({oid, der::element(der::kSet, {der::text(value)})});
}

Bytes make_request_pem(const CameraId& camera, const PrivateKey& signing_key, std::string_view ssh_public_key, std::string_view challenge) {
  const auto name =
      der::sequence({der::element(der::kSet, {der::sequence({common_name_oid(), der::text(camera.account())})})});
  const auto point = signing_key.public_point();
  auto key = key_head();
  der::append(key, point);
  std::vector<Bytes> attributes{attribute(oid_ssh_key(), ssh_public_key)};
  if (!challenge.empty()) attributes.push_back(attribute(challenge_oid(), challenge));
  const auto info = der::sequence({der::integer(0), name, key, der::set_of(std::move(attributes), 0xa0)});
  auto signature = sign_low_s(signing_key, info);
  signature.insert(signature.begin(), 0);  // unused bits of the BIT STRING
  const auto pem = armour(der::sequence({info, signature_algorithm(), der::octets(signature, der::kBitString)}));
  return {pem.begin(), pem.end()};
}

static std::optional<Bytes> strip_armour(std::string_view pem) {
  if (pem.size() > kLargestRequest || !pem.starts_with(kBegin) || !pem.ends_with(kEnd)) return std::nullopt;
  std::string body;
  for (const char c : pem.substr(kBegin.size(), pem.size() - kBegin.size() - kEnd.size()))
    if (c != '\n') body += c;
  return decode_base64(body);
}

struct Parts {
  std::string name, ssh, challenge;
  Point point{};
  ByteView info, signature;
};

static std::string read_name(der::Reader name) {
  auto relative = name.enter(der::kSet);
  name.end();
  auto pair = relative.enter(der::kSequence);
  relative.end();
  pair.literal(common_name_oid());
  const auto text = pair.take(der::kUtf8, 1, 64);
  pair.end();
  return std::string(as_text(text));
}

static std::string read_value(der::Reader& one, std::size_t longest) {
  auto value = one.enter(der::kSet);
  const auto text = value.take(der::kUtf8, 1, longest);
  value.end();
  return std::string(as_text(text));
}

// Each at most once, in the order of their octets (X.690 section 11.6): a request has one encoding.
static void read_attributes(der::Reader attributes, Parts& parts) {
  ByteView before;
  while (!attributes.at_end()) {
    auto look = attributes;
    const auto whole = look.take_whole(der::kSequence);
    auto one = attributes.enter(der::kSequence);
    const auto oid = one.take_whole(der::kOid);
    const auto is = [&oid](const Bytes& known) { return std::equal(oid.begin(), oid.end(), known.begin(), known.end()); };
    if (!std::lexicographical_compare(before.begin(), before.end(), whole.begin(), whole.end())) one.fail();
    if (is(oid_ssh_key()) && parts.ssh.empty()) parts.ssh = read_value(one, 1024);
    else if (is(challenge_oid()) && parts.challenge.empty()) parts.challenge = read_value(one, kLongestChallenge);
    else one.fail();
    one.end();
    before = whole;
  }
  if (parts.ssh.empty()) attributes.fail();
}

static bool is_challenge(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

static Parts read_parts(ByteView der, bool& bad, bool& foreign) {
  Parts parts;
  der::Reader top(der, bad);
  auto request = top.enter(der::kSequence);
  top.end();
  parts.info = request.take_whole(der::kSequence);
  auto info = der::Reader(parts.info, bad).enter(der::kSequence);
  info.literal(der::integer(0));
  parts.name = read_name(info.enter(der::kSequence));
  const auto key = info.take_whole(der::kSequence);
  const auto head = key_head();
  foreign = !bad && (key.size() != head.size() + sizeof(Point) || !std::equal(head.begin(), head.end(), key.begin()));
  if (foreign || bad) return parts;
  std::copy(key.end() - sizeof(Point), key.end(), parts.point.begin());
  read_attributes(info.enter(0xa0), parts);
  info.end();
  request.literal(signature_algorithm());
  parts.signature = request.take(der::kBitString, 9, 73);
  request.end();
  if (!bad && parts.signature[0] != 0) request.fail();
  return parts;
}

RequestReading read_request_pem(ByteView pem) {
  const auto der = strip_armour(as_text(pem));
  if (!der) return {std::nullopt, "not a PEM certificate request"};
  bool bad = false, foreign = false;
  const auto parts = read_parts(*der, bad, foreign);
  if (foreign) return {std::nullopt, "unknown algorithm: the signing key must be P-256"};
  if (bad) return {std::nullopt, "not a request as 'shutterseal-upload enrol' writes it"};
  const auto key = public_key_of(parts.point);
  if (!key) return {std::nullopt, "its key is no point of the curve"};
  if (!verify_signature(key.get(), parts.info, parts.signature.subspan(1))) return {std::nullopt, "its signature does not match"};
  const auto camera = CameraId::from_account(parts.name);
  const auto ssh = normal_ssh_public_key(parts.ssh);
  if (!camera) return {std::nullopt, "its subject is not cam-ID"};
  if (!ssh) return {std::nullopt, "unknown algorithm: the SSH key must be ecdsa-sha2-nistp256 or ssh-ed25519"};
  if (!is_challenge(parts.challenge)) return {std::nullopt, "its challenge is no printable word"};
  return {Request{*camera, parts.point, *ssh, parts.challenge}, ""};
}

}  // namespace shutterseal::envelope
