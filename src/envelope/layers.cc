// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/layers.h"

#include <algorithm>

#include "src/base/text.h"

namespace shutterseal::envelope {

static constexpr std::uint8_t kAnchor = 0xa0, kNote = 0x81;

Bytes encode_passage(const Passage& passage) {
  Bytes anchor, note;
  if (passage.anchor) anchor = der::element(kAnchor, {der::integer(passage.anchor->size), der::octets(passage.anchor->root.view())});
  if (passage.note) note = der::text(*passage.note, kNote);
  return der::sequence({der::integer(1), der::text(passage.camera), der::octets(passage.chain.view()), der::integer(passage.sequence),
                        der::octets(passage.previous.view()), der::integer(static_cast<std::uint64_t>(passage.kind), der::kEnumerated),
                        der::integer(static_cast<std::uint64_t>(passage.sealed_at)), anchor, note});
}

Bytes encode_capture(const Capture& capture) {
  return der::sequence({der::integer(1), der::text(capture.camera), der::octets(capture.chain.view()), der::integer(capture.sequence),
                        der::text(capture.file_name), der::integer(static_cast<std::uint64_t>(capture.captured_at)),
                        der::text(capture.media_type)});
}

static std::string take_text(der::Reader& reader, std::uint8_t tag, std::size_t most) {
  const auto text = as_text(reader.take(tag, 1, most));
  const bool control = std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control || !is_utf8(text)) reader.fail();
  return std::string(text);
}

template <class T>
static T take_fixed(der::Reader& reader, std::uint8_t tag = der::kOctetString) {
  const auto value = T::from_view(reader.take(tag));
  if (!value) reader.fail();
  return value.value_or(T{});
}

static std::string take_camera(der::Reader& reader) {
  auto camera = take_text(reader, der::kUtf8, 28);
  if (!CameraId::parse(camera)) reader.fail();
  return camera;
}

static std::uint64_t take_sequence(der::Reader& reader) {
  const auto sequence = reader.integer(der::kInteger, kLargestInteger);
  if (sequence == 0) reader.fail();
  return sequence;
}

std::optional<Passage> read_passage(ByteView value) {
  bool bad = false;
  der::Reader top(value, bad);
  auto reader = top.enter(der::kSequence);
  top.end();
  Passage passage;
  reader.literal(der::integer(1));
  passage.camera = take_camera(reader);
  passage.chain = take_fixed<ChainId>(reader);
  passage.sequence = take_sequence(reader);
  passage.previous = take_fixed<Digest>(reader);
  passage.kind = static_cast<Kind>(reader.integer(der::kEnumerated, 1));
  passage.sealed_at = static_cast<TimeMs>(reader.integer(der::kInteger, kLargestInteger));
  if (reader.next_is(kAnchor)) {
    auto anchor = reader.enter(kAnchor);
    const auto size = anchor.integer(der::kInteger, kLargestInteger);
    passage.anchor = Anchor{size, take_fixed<Digest>(anchor)};
    anchor.end();
  }
  if (reader.next_is(kNote)) passage.note = take_text(reader, kNote, kLongestNote);
  reader.end();
  return bad ? std::nullopt : std::optional(passage);
}

std::optional<Capture> read_capture(ByteView value) {
  bool bad = false;
  der::Reader top(value, bad);
  auto reader = top.enter(der::kSequence);
  top.end();
  Capture capture;
  reader.literal(der::integer(1));
  capture.camera = take_camera(reader);
  capture.chain = take_fixed<ChainId>(reader);
  capture.sequence = take_sequence(reader);
  capture.file_name = take_text(reader, der::kUtf8, kLongestName);
  capture.captured_at = static_cast<TimeMs>(reader.integer(der::kInteger, kLargestInteger));
  capture.media_type = take_text(reader, der::kUtf8, 64);
  reader.end();
  // The name becomes a file on a custodian's disk.
  const auto& name = capture.file_name;
  if (name == "." || name == ".." || name.find('/') != std::string::npos) bad = true;
  return bad ? std::nullopt : std::optional(capture);
}

// ---- middle layer -----------------------------------------------------------------------------------------------------------

struct MiddleOids {
  Bytes auth_enveloped = der::oid({1, 2, 840, 113549, 1, 9, 16, 1, 23});
  Bytes data = der::oid({1, 2, 840, 113549, 1, 7, 1});
  Bytes gcm = der::oid({2, 16, 840, 1, 101, 3, 4, 1, 46});
  Bytes ec_key = der::sequence({der::oid({1, 2, 840, 10045, 2, 1})});
  // dhSinglePass-stdDH-sha256kdf-scheme with aes256-wrap (RFC 5753 section 7.1.4, RFC 3565).
  Bytes agreement =
      der::sequence({der::oid({1, 3, 132, 1, 11, 1}), der::sequence({der::oid({2, 16, 840, 1, 101, 3, 4, 1, 45})})});
};
static const MiddleOids& oids() {
  static const MiddleOids all;
  return all;
}

static Bytes encode_recipient(const Recipient& recipient) {
  Bytes bits{0};
  der::append(bits, recipient.ephemeral);
  const auto originator = der::element(0xa0, {der::element(0xa1, {oids().ec_key, der::octets(bits, der::kBitString)})});
  const auto identifier = der::element(0xa0, {der::octets(recipient.ski.view())});
  return der::element(0xa1, {der::integer(3), originator, oids().agreement,
                             der::sequence({der::sequence({identifier, der::octets(recipient.wrapped)})})});
}

Bytes encode_recipients(const std::vector<Recipient>& recipients) {
  std::vector<Bytes> members;
  for (const auto& recipient : recipients) members.push_back(encode_recipient(recipient));
  return der::set_of(std::move(members));
}

MiddleFrame frame_middle(ByteView recipients_der, ByteView nonce, std::size_t content_size, ByteView tag) {
  MiddleFrame frame;
  frame.tail = der::octets(tag);
  const auto algorithm = der::sequence({oids().gcm, der::sequence({der::octets(nonce), der::integer(kTag)})});
  const auto content = der::header(0x80, content_size);
  const auto info_size = oids().data.size() + algorithm.size() + content.size() + content_size;
  const auto info = der::header(der::kSequence, info_size);
  const auto version = der::integer(0);
  const auto body_size = version.size() + recipients_der.size() + info.size() + info_size + frame.tail.size();
  const auto body = der::header(der::kSequence, body_size);
  const auto wrapped = der::header(0xa0, body.size() + body_size);
  frame.head = der::header(der::kSequence, oids().auth_enveloped.size() + wrapped.size() + body.size() + body_size);
  for (const ByteView part : {ByteView(oids().auth_enveloped), ByteView(wrapped), ByteView(body), ByteView(version), recipients_der,
                              ByteView(info), ByteView(oids().data), ByteView(algorithm), ByteView(content)})
    der::append(frame.head, part);
  return frame;
}

static Recipient read_recipient(der::Reader reader) {
  Recipient recipient;
  reader.literal(der::integer(3));
  auto originator = reader.enter(0xa0);
  auto key = originator.enter(0xa1);
  originator.end();
  key.literal(oids().ec_key);
  const auto bits = key.take(der::kBitString, 66, 66);
  key.end();
  if (!bits.empty() && (bits[0] != 0 || bits[1] != 4)) reader.fail();
  if (!bits.empty()) std::copy(bits.begin() + 1, bits.end(), recipient.ephemeral.begin());
  reader.literal(oids().agreement);
  auto keys = reader.enter(der::kSequence);
  reader.end();
  auto one = keys.enter(der::kSequence);
  keys.end();
  auto identifier = one.enter(0xa0);
  recipient.ski = take_fixed<Ski>(identifier);
  identifier.end();
  const auto wrapped = one.take(der::kOctetString, kWrappedKey, kWrappedKey);
  one.end();
  if (!wrapped.empty()) std::copy(wrapped.begin(), wrapped.end(), recipient.wrapped.begin());
  return recipient;
}

static std::vector<Recipient> read_recipients(der::Reader reader, bool& bad) {
  std::vector<Recipient> recipients;
  ByteView last;
  while (!reader.at_end() && recipients.size() < kMostRecipients) {
    const auto whole = reader.take_whole(0xa1);
    if (bad || !std::lexicographical_compare(last.begin(), last.end(), whole.begin(), whole.end())) reader.fail();
    last = whole;
    recipients.push_back(read_recipient(der::Reader(whole, bad).enter(0xa1)));
  }
  reader.end();
  if (recipients.empty()) reader.fail();
  return recipients;
}

static void read_encrypted(der::Reader info, MiddleView& view) {
  info.literal(oids().data);
  auto algorithm = info.enter(der::kSequence);
  algorithm.literal(oids().gcm);
  auto parameters = algorithm.enter(der::kSequence);
  algorithm.end();
  view.nonce = parameters.take(der::kOctetString, kNonce, kNonce);
  parameters.literal(der::integer(kTag));
  parameters.end();
  view.ciphertext = info.take(0x80);
  info.end();
}

std::optional<MiddleView> match_middle(ByteView message) {
  MiddleView view;
  bool bad = false;
  der::Reader top(message, bad);
  auto info = top.enter(der::kSequence);
  top.end();
  info.literal(oids().auth_enveloped);
  auto wrapped = info.enter(0xa0);
  info.end();
  auto body = wrapped.enter(der::kSequence);
  wrapped.end();
  body.literal(der::integer(0));
  view.recipients = read_recipients(body.enter(der::kSet), bad);
  read_encrypted(body.enter(der::kSequence), view);
  view.tag = body.take(der::kOctetString, kTag, kTag);
  body.end();
  return bad ? std::nullopt : std::optional(std::move(view));
}

}  // namespace shutterseal::envelope
