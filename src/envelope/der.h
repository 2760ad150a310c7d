// SPDX-License-Identifier: Apache-2.0
// DER, read strictly and written plainly (X.690 section 10). Knows nothing of CMS.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "src/base/bytes.h"

namespace shutterseal::envelope::der {

inline constexpr std::uint8_t kInteger = 0x02, kBitString = 0x03, kOctetString = 0x04, kOid = 0x06, kEnumerated = 0x0a, kUtf8 = 0x0c,
                              kUtcTime = 0x17, kGeneralizedTime = 0x18, kSequence = 0x30, kSet = 0x31;

// Reads one level. A mismatch sets the shared flag and every later read gives nothing: the caller checks once, at the end.
// SECURITY: the only code that walks received octets before a signature was checked. No recursion, no copy, every length bounded by its view.
class Reader {
 public:
  Reader(ByteView bytes, bool& bad) : rest_(bytes), bad_(&bad) {}
  [[nodiscard]] bool next_is(std::uint8_t tag) const { return !*bad_ && !rest_.empty() && rest_[0] == tag; }
  [[nodiscard]] ByteView take(std::uint8_t tag);            // the content of an element with this tag
  [[nodiscard]] ByteView take(std::uint8_t tag, std::size_t least, std::size_t most);
  [[nodiscard]] ByteView take_whole(std::uint8_t tag);      // the element with its header
  [[nodiscard]] Reader enter(std::uint8_t tag) { return {take(tag), *bad_}; }
  [[nodiscard]] std::uint64_t integer(std::uint8_t tag, std::uint64_t largest);  // non-negative, minimal
  void literal(ByteView expected);                          // exactly these octets
  void end() { if (!rest_.empty()) *bad_ = true; }          // nothing may follow
  [[nodiscard]] bool at_end() const { return *bad_ || rest_.empty(); }
  void fail() { *bad_ = true; }
  [[nodiscard]] ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
  bool* bad_;
};

// Header length and content length of the element at the start of `bytes`; false when it is no definite, minimal DER header.
// The content may reach beyond `bytes`: lets a parcel be split and an over-long envelope be told from a torn one.
struct Shape {
  std::size_t header = 0;
  std::uint64_t content = 0;
};
[[nodiscard]] bool read_shape(ByteView bytes, Shape& shape);

[[nodiscard]] Bytes header(std::uint8_t tag, std::size_t content_size);
[[nodiscard]] Bytes element(std::uint8_t tag, std::initializer_list<ByteView> parts);
[[nodiscard]] Bytes sequence(std::initializer_list<ByteView> parts);
[[nodiscard]] Bytes set_of(std::vector<Bytes> members, std::uint8_t tag = kSet);  // sorted (X.690 section 11.6)
[[nodiscard]] Bytes integer(std::uint64_t value, std::uint8_t tag = kInteger);
[[nodiscard]] Bytes oid(std::initializer_list<std::uint32_t> arcs);
[[nodiscard]] Bytes text(std::string_view value, std::uint8_t tag = kUtf8);
[[nodiscard]] Bytes octets(ByteView value, std::uint8_t tag = kOctetString);
void append(Bytes& out, ByteView more);

}  // namespace shutterseal::envelope::der
