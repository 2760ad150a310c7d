// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/invitation.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/envelope/cipher.h"

namespace shutterseal::envelope {

static constexpr std::string_view kWord = "shutterseal-invitation-1";
static constexpr std::size_t kMostUrls = 8, kMostPins = 4;

std::string new_token() { return to_hex(random_octets(kTokenOctets)); }

std::string invitation_line(const Invitation& invitation) {
  auto line = std::string(kWord) + " " + invitation.camera.text() + " " + invitation.token + " " + invitation.authority.hex();
  for (const auto& url : invitation.urls) line += " " + url;
  for (const auto& pin : invitation.host_key_pins) line += " " + pin;
  return line;
}

static bool is_token(std::string_view text) {
  return text.size() == 2 * kTokenOctets && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

static bool is_plain(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Reading<Invitation> parse_invitation(std::string_view line) {
  const auto bad = [](const char* why) { return Reading<Invitation>{std::nullopt, why}; };
  if (line.size() > kLongestInvitation) return bad("too long");
  const auto words = split(line, ' ');
  if (words[0] != kWord) return bad("it does not begin with shutterseal-invitation-1");
  if (words.size() < 6 || !std::all_of(words.begin(), words.end(), is_plain)) return bad("it is not whole");
  const auto camera = CameraId::parse(words[1]);
  const auto authority = Digest::parse(words[3]);
  if (!camera || !authority || !is_token(words[2])) return bad("its id, token or fingerprint is not what it must be");
  Invitation invitation{*camera, std::string(words[2]), *authority, {}, {}};
  for (std::size_t i = 4; i < words.size(); ++i) {
    const bool is_url = words[i].starts_with("sftp://") && invitation.host_key_pins.empty();
    if (!is_url && !words[i].starts_with("SHA256:")) return bad("it has a word that is neither a server nor a host key");
    (is_url ? invitation.urls : invitation.host_key_pins).emplace_back(words[i]);
  }
  if (invitation.urls.empty() || invitation.urls.size() > kMostUrls || invitation.host_key_pins.empty() || invitation.host_key_pins.size() > kMostPins)
    return bad("it is not whole");
  return {std::move(invitation), ""};
}

// ---- what the token makes -------------------------------------------------------------------------------------------------------------

static Digest derive(std::string_view label, std::string_view token, ByteView more = {}) {
  Sha256 hash;
  hash.update(as_bytes(label));
  hash.update(as_bytes(token));
  hash.update(more);
  return hash.finish();
}

Digest token_hash(std::string_view token) { return derive("shutterseal token\n", token); }

std::string name_of_request(const Point& signing_key, std::string_view token) { return derive("shutterseal request\n", token, signing_key).hex(); }

// SEC 1 section 3.2.1: 0 < d < n. A digest is outside with a probability of 2^-32; then the next one is taken.
static Digest scalar_of(std::string_view token) {
  static const auto order = Digest::parse("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").value();
  for (std::uint8_t counter = 0;; ++counter) {
    const auto scalar = derive("shutterseal key\n", token, ByteView(&counter, 1));
    if (Digest() < scalar && scalar < order) return scalar;
  }
}

PrivateKey key_of_token(std::string_view token) {
  auto scalar = scalar_of(token);
  // RFC 5915 without the public key, which libcrypto computes, in RFC 5958's frame.
  const auto inner = der::sequence({der::integer(1), der::octets(scalar.octets)});
  const auto algorithm = der::sequence({der::oid({1, 2, 840, 10045, 2, 1}), der::oid({1, 2, 840, 10045, 3, 1, 7})});
  auto whole = der::sequence({der::integer(0), algorithm, der::octets(inner)});
  const std::uint8_t* at = whole.data();
  auto impl = std::make_unique<PrivateKey::Impl>();
  impl->key.reset(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(whole.size())));
  wipe(whole.data(), whole.size());
  wipe(scalar.octets.data(), scalar.octets.size());
  require(impl->key != nullptr, "make a key");
  return PrivateKey(std::move(impl));
}

// ---- the answer ---------------------------------------------------------------------------------------------------------------------------

static Recipient recipient_of(const Point& point, const ContentKey& key) {
  const auto public_key = public_key_of(point);
  require(public_key != nullptr, "use a request's key");
  return wrap_for(public_key.get(), ski_of(point), key);
}

Bytes encrypt_answer(ByteView answer, const Point& signing_key, std::string_view token) {
  ContentKey key;
  auto random = random_octets(key.octets.size());
  std::copy(random.begin(), random.end(), key.octets.begin());
  wipe(random.data(), random.size());
  const auto recipients = encode_recipients({recipient_of(signing_key, key), recipient_of(key_of_token(token).public_point(), key)});
  Bytes text(answer.begin(), answer.end()), tag(kTag);
  const auto nonce = random_octets(kNonce);
  encrypt_gcm(key, nonce, text, tag);
  const auto frame = frame_middle(recipients, nonce, text.size(), tag);
  Bytes out = frame.head;
  der::append(out, text);
  der::append(out, frame.tail);
  return out;
}

static bool open_with(const MiddleView& view, const PrivateKey& own, Bytes& out) {
  if (own.impl().chip) return false;  // it signs, and agrees on no key
  const auto ski = ski_of(own.public_point());
  return std::any_of(view.recipients.begin(), view.recipients.end(), [&](const Recipient& one) {
    ContentKey key;
    return one.ski == ski && unwrap(one, own.impl().key.get(), key) && decrypt_gcm(key, view.nonce, view.ciphertext, view.tag, out);
  });
}

std::optional<Bytes> decrypt_answer(ByteView bytes, const PrivateKey& signing_key, std::string_view token) {
  const auto view = match_middle(bytes);
  Bytes out;
  if (!view || !(open_with(*view, signing_key, out) || open_with(*view, key_of_token(token), out))) return std::nullopt;
  return out;
}

}  // namespace shutterseal::envelope
