// SPDX-License-Identifier: Apache-2.0
#include "src/base/text.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace shutterseal {

static constexpr char kHexDigits[] = "0123456789abcdef";

static bool is_plain(unsigned char octet) {
  return octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\'' && octet != '\\';
}

std::string escape_untrusted(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit)) {
    const auto octet = static_cast<unsigned char>(c);
    if (is_plain(octet))
      out += c;
    else
      out += {'\\', 'x', kHexDigits[octet >> 4], kHexDigits[octet & 15]};
  }
  return text.size() > limit ? out + "..." : out;
}

std::string quote_untrusted(std::string_view text, std::size_t limit) {
  return '"' + escape_untrusted(text, limit) + '"';
}

// The length of the UTF-8 sequence that starts with `first`, and the smallest code point it may stand for.
static std::pair<int, std::uint32_t> utf8_shape(unsigned char first) {
  if (first < 0x80) return {1, 0};
  if (first >= 0xc2 && first < 0xe0) return {2, 0x80};
  if (first >= 0xe0 && first < 0xf0) return {3, 0x800};
  if (first >= 0xf0 && first < 0xf5) return {4, 0x10000};
  return {0, 0};
}

// One character at the beginning of `text`; of length 0 where that is no UTF-8.
struct Utf8Character {
  std::size_t length = 0;
  std::uint32_t point = 0;
};

static Utf8Character first_character(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text[0]);
  const auto [length, smallest] = utf8_shape(first);
  if (length == 0 || text.size() < static_cast<std::size_t>(length)) return {};
  std::uint32_t point = length == 1 ? first : first & (0xffu >> (length + 1));
  for (int i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[static_cast<std::size_t>(i)]);
    if ((next & 0xc0) != 0x80) return {};
    point = point << 6 | (next & 0x3f);
  }
  if (point < smallest || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return {};
  return {static_cast<std::size_t>(length), point};
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto length = first_character(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// C0, DEL and C1; soft hyphen, Arabic letter mark, Mongolian vowel separator, zero widths and marks of direction, separators of lines, embeddings and
// overrides, isolates and their like, byte order mark, interlinear annotation, tags.
static bool is_seen(std::uint32_t point) noexcept {
  static constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 11> kUnseen{{{0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e},
      {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}}};
  return std::none_of(kUnseen.begin(), kUnseen.end(), [point](const auto& range) { return point >= range.first && point <= range.second; });
}

std::string make_printable(std::string_view text, Lines lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [length, point] = first_character(text);
    const auto octets = text.substr(0, std::max<std::size_t>(length, 1));
    if (length != 0 && (is_seen(point) || (point == '\n' && lines == Lines::kept)))
      out += octets;
    else
      for (const char c : octets) out += {'\\', 'x', kHexDigits[static_cast<unsigned char>(c) >> 4], kHexDigits[c & 15]};
    text.remove_prefix(octets.size());
  }
  return out;
}

bool is_plain_text(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto [length, point] = first_character(text);
    if (length == 0 || (!is_seen(point) && point != '\n' && point != '\r' && point != '\t')) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const auto octet : bytes) {
    out += kHexDigits[octet >> 4];
    out += kHexDigits[octet & 15];
  }
  return out;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<Bytes> from_hex(std::string_view text, std::size_t size) {
  if (text.size() != size * 2) return std::nullopt;
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) {
    const int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return out;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t largest) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value <= largest ? std::optional(value) : std::nullopt;
}

using Unit = std::pair<std::string_view, std::uint64_t>;

// A decimal number followed by one of the units; the first unit has the empty name or is refused by the caller's table.
static std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  for (const auto& [name, factor] : units) {
    if (text.substr(digits) != name) continue;
    const auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor;
    const auto number = parse_decimal(text.substr(0, digits), largest);
    return number ? std::optional(*number * factor) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<Unit, 7> kUnits{{{"", 1},
                                               {"k", 1024},
                                               {"K", 1024},
                                               {"M", 1024 * 1024},
                                               {"G", 1024 * 1024 * 1024},
                                               {"T", std::uint64_t{1} << 40},
                                               {"B", 1}}};
  return parse_with_unit(text, kUnits);
}

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  static constexpr std::array<Unit, 5> kUnits{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  const auto value = text == "0" ? std::optional<std::uint64_t>(0) : parse_with_unit(text, kUnits);
  return value ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace shutterseal
