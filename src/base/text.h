// SPDX-License-Identifier: Apache-2.0
// Text from outside, made safe to print; numbers and hex, read strictly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/bytes.h"

namespace shutterseal {

// A path in an error message may be long; what a peer chose in a log line may not.
inline constexpr std::size_t kLongestSubject = 4096;
inline constexpr std::size_t kLongestLogged = 128;

// Printable ASCII stays, except the quotation mark ' or " and the backslash; every other octet becomes \xNN, so that no terminal
// escape, newline or fail2ban field can be forged. Cut after `limit` octets of input, then "..." is appended.
[[nodiscard]] std::string escape_untrusted(std::string_view text, std::size_t limit = kLongestLogged);
// The same between double quotes: the form of an untrusted field in a log line.
[[nodiscard]] std::string quote_untrusted(std::string_view text, std::size_t limit = kLongestLogged);

// For whole lines that a terminal or a log shows, whoever had a hand in them: letters of any script stay, and so do quotes. What moves a cursor, starts a
// terminal's command, reorders a line or cannot be seen (controls, also those beyond ASCII; bidirectional and invisible formatting; separators of lines), and
// what is no UTF-8, becomes \xNN.
enum class Lines { kept, escaped };
[[nodiscard]] std::string make_printable(std::string_view text, Lines lines = Lines::escaped);
// UTF-8 without any of these but tabs and ends of lines.
[[nodiscard]] bool is_plain_text(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;  // RFC 3629: no overlong forms, no surrogates
[[nodiscard]] std::string to_hex(ByteView bytes);            // lower case
// Exactly 2 * `size` lower-case digits, else nothing.
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text, std::size_t size);
// Decimal digits alone, no sign, no leading zero (but "0"), at most `largest`.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t largest);
// "64k" "2M" "1G" (powers of 1024) or plain octets; "90s" "10m" "2h" "7d" "250ms" to milliseconds.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_duration_ms(std::string_view text);
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;  // spaces and tabs

}  // namespace shutterseal
