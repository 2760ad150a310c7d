// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/signed_data.h"

#include <algorithm>
#include <array>

#include "src/base/error.h"

namespace shutterseal::envelope {

static Bytes private_oid(std::uint32_t last) {
  return der::oid({1, 2, 840, 113556, 1, 8000, 2554, 31836, 3594, 27215, 19326, 40204, 3107389, 2001748, last});
}

struct Oids {
  Bytes signed_data = der::oid({1, 2, 840, 113549, 1, 7, 2});
  Bytes data = der::oid({1, 2, 840, 113549, 1, 7, 1});
  Bytes sha256 = der::sequence({der::oid({2, 16, 840, 1, 101, 3, 4, 2, 1})});          // parameters absent: RFC 5754 section 2
  Bytes ecdsa_sha256 = der::sequence({der::oid({1, 2, 840, 10045, 4, 3, 2})});         // RFC 5754 section 3.3
  Bytes content_type = der::oid({1, 2, 840, 113549, 1, 9, 3});
  Bytes message_digest = der::oid({1, 2, 840, 113549, 1, 9, 4});
  Bytes signing_time = der::oid({1, 2, 840, 113549, 1, 9, 5});
  Bytes signing_certificate = der::oid({1, 2, 840, 113549, 1, 9, 16, 2, 47});          // RFC 5035
  Bytes passage = private_oid(1), capture = private_oid(2), ssh_key = private_oid(3);
};

static const Oids& oids() {
  static const Oids all;
  return all;
}

const Bytes& oid_ssh_key() { return oids().ssh_key; }

static const Bytes& oid_of(Extra extra) { return extra == Extra::passage ? oids().passage : oids().capture; }

// RFC 5652 section 11.3: UTCTime from 1950 to 2049, GeneralizedTime after.
static Bytes encode_time(TimeMs time) {
  constexpr TimeMs kYear2050 = 2'524'608'000'000;
  if (time < kYear2050) return der::text(format_utc(time, "%y%m%d%H%M%SZ"), der::kUtcTime);
  return der::text(format_utc(time, "%Y%m%d%H%M%SZ"), der::kGeneralizedTime);
}

static Bytes attribute(const Bytes& type, ByteView value) { return der::sequence({type, der::element(der::kSet, {value})}); }

static std::vector<Bytes> make_attributes(const Digest& content_digest, const SignedOrder& order) {
  const auto certificate = der::sequence({der::sequence({der::sequence({der::octets(order.signer.certificate.view())})})});
  std::vector<Bytes> all{attribute(oids().content_type, oids().data),
                         attribute(oids().message_digest, der::octets(content_digest.view())),
                         attribute(oids().signing_time, encode_time(order.signing_time)),
                         attribute(oids().signing_certificate, certificate)};
  if (order.extra != Extra::none) all.push_back(attribute(oid_of(order.extra), order.extra_value));
  return all;
}

static Bytes make_tail(const SignerIdentity& signer, const std::vector<Bytes>& attributes, ByteView signature) {
  const auto info = der::sequence({der::integer(3), der::octets(signer.ski.view(), 0x80), oids().sha256, der::set_of(attributes, 0xa0),
                                   oids().ecdsa_sha256, der::octets(signature)});
  Bytes tail;
  if (!signer.include.empty()) tail = der::element(0xa0, {signer.include});
  der::append(tail, der::element(der::kSet, {info}));
  return tail;
}

Bytes frame_tail(const Digest& content_digest, const SignedOrder& order, SignatureSize size) {
  const auto attributes = make_attributes(content_digest, order);
  // What is signed has the SET tag, what is sent has [0] (RFC 5652 section 5.4).
  const auto signed_octets = der::set_of(attributes);
  const auto signature = size == SignatureSize::usual ? sign_of_usual_size(order.signer.key, signed_octets) : sign_low_s(order.signer.key, signed_octets);
  return make_tail(order.signer, attributes, signature);
}

std::size_t usual_tail_size(const SignedOrder& order) { return make_tail(order.signer, make_attributes(Digest{}, order), Bytes(kUsualSignature)).size(); }

Bytes frame_head(std::size_t content_size, std::size_t tail_size) {
  const auto inner_octets = der::header(der::kOctetString, content_size);
  const auto explicit_content = der::header(0xa0, inner_octets.size() + content_size);
  const auto encapsulated =
      der::header(der::kSequence, oids().data.size() + explicit_content.size() + inner_octets.size() + content_size);
  const auto version = der::integer(3);
  const auto algorithms = der::element(der::kSet, {oids().sha256});
  const auto body = version.size() + algorithms.size() + encapsulated.size() + oids().data.size() + explicit_content.size() +
                    inner_octets.size() + content_size + tail_size;
  const auto signed_data = der::header(der::kSequence, body);
  const auto explicit_signed = der::header(0xa0, signed_data.size() + body);
  auto head = der::header(der::kSequence, oids().signed_data.size() + explicit_signed.size() + signed_data.size() + body);
  for (const ByteView part : {ByteView(oids().signed_data), ByteView(explicit_signed), ByteView(signed_data), ByteView(version),
                              ByteView(algorithms), ByteView(encapsulated), ByteView(oids().data), ByteView(explicit_content),
                              ByteView(inner_octets)})
    der::append(head, part);
  return head;
}

SignedFrame frame_signed_data(const Digest& content_digest, std::size_t content_size, const SignedOrder& order) {
  auto tail = frame_tail(content_digest, order, SignatureSize::any);
  auto head = frame_head(content_size, tail.size());
  return {std::move(head), std::move(tail)};
}

// ---- reading ----------------------------------------------------------------------------------------------------------------

static int two_digits(ByteView text, std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); }

// Reads a time and accepts only the octets that encode_time would write for it.
static TimeMs read_time(der::Reader& reader) {
  const auto before = reader.rest();
  const bool utc = reader.next_is(der::kUtcTime);
  const auto text = utc ? reader.take(der::kUtcTime, 13, 13) : reader.take(der::kGeneralizedTime, 15, 15);
  if (text.empty() || !std::all_of(text.begin(), text.end() - 1, [](auto c) { return c >= '0' && c <= '9'; })) {
    reader.fail();
    return 0;
  }
  const std::size_t date = utc ? 2 : 4;
  const int year = utc ? two_digits(text, 0) + (two_digits(text, 0) < 50 ? 2000 : 1900) : two_digits(text, 0) * 100 + two_digits(text, 2);
  char form[80];  // as long as six ints could be: g++ 14 asks for it
  std::snprintf(form, sizeof form, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, two_digits(text, date), two_digits(text, date + 2),
                two_digits(text, date + 4), two_digits(text, date + 6), two_digits(text, date + 8));
  const auto time = parse_time(form);
  const auto again = time && *time >= 0 ? encode_time(*time) : Bytes();
  if (again.empty() || before.size() < again.size() || !std::equal(again.begin(), again.end(), before.begin())) {
    reader.fail();
    return 0;
  }
  return *time;
}

template <class T>
static T take_octets(der::Reader& reader, std::uint8_t tag) {
  const auto read = T::from_view(reader.take(tag));
  if (!read) reader.fail();
  return read.value_or(T{});
}

static void read_attribute_value(der::Reader& value, const Bytes& type, Extra extra, SignedView& view) {
  if (type == oids().content_type) {
    value.literal(oids().data);
  } else if (type == oids().message_digest) {
    view.message_digest = take_octets<Digest>(value, der::kOctetString);
  } else if (type == oids().signing_time) {
    view.signing_time = read_time(value);
  } else if (type == oids().signing_certificate) {
    auto signing_certificate = value.enter(der::kSequence);
    auto identifiers = signing_certificate.enter(der::kSequence);
    signing_certificate.end();
    auto identifier = identifiers.enter(der::kSequence);
    identifiers.end();
    view.certificate_digest = take_octets<Digest>(identifier, der::kOctetString);
    identifier.end();
  } else if (extra != Extra::none && type == oid_of(extra)) {
    view.extra = value.take_whole(der::kSequence);
  } else {
    value.fail();
  }
  value.end();
}

// A closed set: as many members as there must be, in strictly rising order, so none comes twice and none is missing.
static void read_attributes(der::Reader attributes, Extra extra, SignedView& view, bool& bad) {
  const std::size_t expected = extra == Extra::none ? 4 : 5;
  std::vector<Bytes> types;
  ByteView last;
  while (!attributes.at_end() && types.size() < expected) {
    const auto whole = attributes.take_whole(der::kSequence);
    if (bad || !std::lexicographical_compare(last.begin(), last.end(), whole.begin(), whole.end())) return attributes.fail();
    last = whole;
    auto one = der::Reader(whole, bad).enter(der::kSequence);
    const auto type = one.take_whole(der::kOid);
    types.emplace_back(type.begin(), type.end());
    if (std::count(types.begin(), types.end(), types.back()) != 1) return attributes.fail();
    auto value = one.enter(der::kSet);
    one.end();
    read_attribute_value(value, types.back(), extra, view);
  }
  attributes.end();
  if (types.size() != expected) attributes.fail();
}

// Half of the group's order: SEC 2 section 2.4.2.
static constexpr std::array<std::uint8_t, 32> kHalfOrder{0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff,
                                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b,
                                                         0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

// A positive INTEGER of at most 32 octets, minimal; its magnitude.
static ByteView take_scalar(der::Reader& reader) {
  auto content = reader.take(der::kInteger, 1, 33);
  if (content.empty()) return {};
  const bool padded = content[0] == 0;
  if (content[0] >= 0x80 || (padded && (content.size() == 1 || content[1] < 0x80)) || (!padded && content.size() == 33)) reader.fail();
  return padded ? content.subspan(1) : content;
}

static bool is_at_most_half(ByteView scalar) {
  if (scalar.size() != kHalfOrder.size()) return scalar.size() < kHalfOrder.size();
  return !std::lexicographical_compare(kHalfOrder.begin(), kHalfOrder.end(), scalar.begin(), scalar.end());
}

static void read_signature(der::Reader& signer, SignedView& view, bool& bad) {
  view.signature = signer.take(der::kOctetString, 8, 72);
  der::Reader outer(view.signature, bad);
  auto pair = outer.enter(der::kSequence);
  outer.end();
  static_cast<void>(take_scalar(pair));
  view.low_s = is_at_most_half(take_scalar(pair));
  pair.end();
}

static void read_signer(der::Reader signer, Extra extra, SignedView& view, bool& bad) {
  constexpr std::size_t kLargestAttributes = 4096;
  signer.literal(der::integer(3));
  view.ski = take_octets<Ski>(signer, 0x80);
  signer.literal(oids().sha256);
  view.attributes = signer.take(0xa0, 1, kLargestAttributes);
  read_attributes(der::Reader(view.attributes, bad), extra, view, bad);
  signer.literal(oids().ecdsa_sha256);
  read_signature(signer, view, bad);
  signer.end();
}

static ByteView read_encapsulated(der::Reader encapsulated) {
  encapsulated.literal(oids().data);
  auto wrapped = encapsulated.enter(0xa0);
  encapsulated.end();
  const auto content = wrapped.take(der::kOctetString);
  wrapped.end();
  return content;
}

std::optional<SignedView> match_signed_data(ByteView message, bool with_certificate, Extra extra) {
  SignedView view;
  bool bad = false;
  der::Reader top(message, bad);
  auto info = top.enter(der::kSequence);
  top.end();
  info.literal(oids().signed_data);
  auto wrapped = info.enter(0xa0);
  info.end();
  auto body = wrapped.enter(der::kSequence);
  wrapped.end();
  body.literal(der::integer(3));
  body.literal(der::element(der::kSet, {oids().sha256}));
  view.content = read_encapsulated(body.enter(der::kSequence));
  if (with_certificate) {
    auto certificates = body.enter(0xa0);
    view.certificate = certificates.take_whole(der::kSequence);
    certificates.end();
    if (view.certificate.size() > kLargestCertificate) body.fail();
  }
  auto signers = body.enter(der::kSet);
  body.end();
  read_signer(signers.enter(der::kSequence), extra, view, bad);
  signers.end();
  return bad ? std::nullopt : std::optional(view);
}

bool is_signed_by(const SignedView& view, EVP_PKEY* key, const Digest& content_digest) {
  if (!view.low_s || content_digest != view.message_digest) return false;
  return verify_signature(key, der::element(der::kSet, {view.attributes}), view.signature);
}

}  // namespace shutterseal::envelope
