// SPDX-License-Identifier: Apache-2.0
// Time: UTC everywhere, milliseconds since 1970 in formats, RFC 3339 for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shutterseal {

using TimeMs = std::int64_t;  // milliseconds since 1970-01-01T00:00:00Z, without leap seconds

inline constexpr TimeMs kLatestTime = 253402300799999;  // the end of the year 9999

[[nodiscard]] TimeMs now_ms() noexcept;
[[nodiscard]] TimeMs monotonic_ms() noexcept;                      // for waits and pauses: never jumps
[[nodiscard]] std::string rfc3339(TimeMs time);                    // 2026-11-23T10:11:12Z, whole seconds
[[nodiscard]] std::string rfc3339_ms(TimeMs time);                 // 2026-11-23T10:11:12.345Z
[[nodiscard]] __attribute__((format(strftime, 2, 0))) std::string format_utc(TimeMs time, const char* strftime_format);
// RFC 3339 in UTC with Z, the fraction optional (up to 3 digits); a date alone means its first moment. Nothing before 1970.
[[nodiscard]] std::optional<TimeMs> parse_time(std::string_view text);

}  // namespace shutterseal
