// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/der.h"

#include <algorithm>

namespace shutterseal::envelope::der {

bool read_shape(ByteView bytes, Shape& shape) {
  if (bytes.size() < 2) return false;
  const auto first = bytes[1];
  if (first < 0x80) {
    shape = {2, first};
    return true;
  }
  const std::size_t count = first & 0x7f;
  if (count == 0 || count > 4 || bytes.size() < 2 + count || bytes[2] == 0) return false;  // indefinite, huge, leading zero
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < count; ++i) length = length << 8 | bytes[2 + i];
  if (length < 0x80) return false;  // the short form would do
  shape = {2 + count, length};
  return true;
}

ByteView Reader::take_whole(std::uint8_t tag) {
  Shape shape;
  if (!next_is(tag) || !read_shape(rest_, shape) || shape.content > rest_.size() - shape.header) {
    *bad_ = true;
    return {};
  }
  const auto whole = rest_.first(shape.header + static_cast<std::size_t>(shape.content));
  rest_ = rest_.subspan(whole.size());
  return whole;
}

ByteView Reader::take(std::uint8_t tag) {
  const auto whole = take_whole(tag);
  Shape shape;
  if (*bad_ || !read_shape(whole, shape)) return {};
  return whole.subspan(shape.header);
}

ByteView Reader::take(std::uint8_t tag, std::size_t least, std::size_t most) {
  const auto content = take(tag);
  if (content.size() < least || content.size() > most) *bad_ = true;
  return *bad_ ? ByteView{} : content;
}

std::uint64_t Reader::integer(std::uint8_t tag, std::uint64_t largest) {
  const auto content = take(tag, 1, 9);
  if (*bad_) return 0;
  const bool negative = content[0] >= 0x80;
  const bool padded = content.size() > 1 && content[0] == 0 && content[1] < 0x80;
  if (negative || padded || (content.size() == 9 && content[0] != 0)) {
    *bad_ = true;
    return 0;
  }
  std::uint64_t value = 0;
  for (const auto octet : content) value = value << 8 | octet;
  if (value > largest) *bad_ = true;
  return value;
}

void Reader::literal(ByteView expected) {
  if (*bad_ || rest_.size() < expected.size() || !std::equal(expected.begin(), expected.end(), rest_.begin())) {
    *bad_ = true;
    return;
  }
  rest_ = rest_.subspan(expected.size());
}

void append(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }

Bytes header(std::uint8_t tag, std::size_t content_size) {
  Bytes out{tag};
  if (content_size < 0x80) {
    out.push_back(static_cast<std::uint8_t>(content_size));
    return out;
  }
  std::size_t count = 0;
  for (auto rest = content_size; rest != 0; rest >>= 8) ++count;
  out.push_back(static_cast<std::uint8_t>(0x80 | count));
  for (; count > 0; --count) out.push_back(static_cast<std::uint8_t>(content_size >> (8 * (count - 1))));
  return out;
}

Bytes element(std::uint8_t tag, std::initializer_list<ByteView> parts) {
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  auto out = header(tag, size);
  for (const auto part : parts) append(out, part);
  return out;
}

Bytes sequence(std::initializer_list<ByteView> parts) { return element(kSequence, parts); }

Bytes set_of(std::vector<Bytes> members, std::uint8_t tag) {
  std::sort(members.begin(), members.end());
  Bytes body;
  for (const auto& member : members) append(body, member);
  return element(tag, {body});
}

Bytes integer(std::uint64_t value, std::uint8_t tag) {
  Bytes content;
  do {
    content.insert(content.begin(), static_cast<std::uint8_t>(value));
    value >>= 8;
  } while (value != 0);
  if (content[0] >= 0x80) content.insert(content.begin(), 0);
  return element(tag, {content});
}

Bytes oid(std::initializer_list<std::uint32_t> arcs) {
  Bytes content;
  const auto put = [&content](std::uint32_t arc) {
    int shift = 28;
    while (shift > 0 && (arc >> shift) == 0) shift -= 7;
    for (; shift >= 0; shift -= 7) content.push_back(static_cast<std::uint8_t>((arc >> shift & 0x7f) | (shift ? 0x80 : 0)));
  };
  auto arc = arcs.begin();
  put(arc[0] * 40 + arc[1]);
  for (arc += 2; arc != arcs.end(); ++arc) put(*arc);
  return element(kOid, {content});
}

Bytes text(std::string_view value, std::uint8_t tag) { return element(tag, {as_bytes(value)}); }
Bytes octets(ByteView value, std::uint8_t tag) { return element(tag, {value}); }

}  // namespace shutterseal::envelope::der
