// SPDX-License-Identifier: Apache-2.0
#include "src/base/time.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal {

template <class Clock>
static TimeMs clock_ms() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
}

TimeMs now_ms() noexcept { return clock_ms<std::chrono::system_clock>(); }
TimeMs monotonic_ms() noexcept { return clock_ms<std::chrono::steady_clock>(); }

static TimeMs floor_seconds(TimeMs time) { return (time - ((time % 1000 + 1000) % 1000)) / 1000; }

// Not gmtime(3): it reads /etc/localtime at its first call, and a sandboxed process may open nothing.
static std::tm calendar(TimeMs time) {
  using namespace std::chrono;
  const sys_seconds seconds{std::chrono::seconds{floor_seconds(time)}};
  const auto day = floor<days>(seconds);
  const year_month_day date{day};
  const hh_mm_ss clock{seconds - day};
  std::tm parts{};
  parts.tm_year = static_cast<int>(date.year()) - 1900;
  parts.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  parts.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  parts.tm_hour = static_cast<int>(clock.hours().count());
  parts.tm_min = static_cast<int>(clock.minutes().count());
  parts.tm_sec = static_cast<int>(clock.seconds().count());
  return parts;
}

std::string format_utc(TimeMs time, const char* strftime_format) {
  if (time < 0 || time > kLatestTime) throw Error(ErrorKind::data, fmt::format("time {} is out of range", time));
  const auto parts = calendar(time);
  char buffer[64];
  return {buffer, std::strftime(buffer, sizeof buffer, strftime_format, &parts)};
}

std::string rfc3339(TimeMs time) { return format_utc(time, "%Y-%m-%dT%H:%M:%SZ"); }

std::string rfc3339_ms(TimeMs time) {
  return format_utc(time, "%Y-%m-%dT%H:%M:%S") + fmt::format(".{:03}Z", time - floor_seconds(time) * 1000);
}

// Two digits (or `width`) at `at`, at most `largest`.
static std::optional<int> digits_at(std::string_view text, std::size_t at, std::size_t width, int largest) {
  if (at + width > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, width)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value <= largest ? std::optional(value) : std::nullopt;
}

static std::optional<TimeMs> parse_date(std::string_view text) {
  const auto year = digits_at(text, 0, 4, 9999), month = digits_at(text, 5, 2, 12), day = digits_at(text, 8, 2, 31);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::sys_days{date}.time_since_epoch()).count();
}

// ".345Z" or "Z": the milliseconds.
static std::optional<int> parse_fraction(std::string_view text) {
  if (text.empty() || text.back() != 'Z') return std::nullopt;
  text.remove_suffix(1);
  if (text.empty()) return 0;
  if (text.front() != '.' || text.size() < 2 || text.size() > 4) return std::nullopt;
  const auto value = digits_at(text, 1, text.size() - 1, 999);
  if (!value) return std::nullopt;
  return text.size() == 2 ? *value * 100 : text.size() == 3 ? *value * 10 : *value;
}

std::optional<TimeMs> parse_time(std::string_view text) {
  constexpr std::size_t kDateLength = 10, kSecondsEnd = 19;
  const auto date = parse_date(text);
  // What format_utc refuses to write must not be read: a file would come in that can never be replaced.
  if (!date || *date < 0) return std::nullopt;
  if (text.size() == kDateLength) return date;
  if (text.size() <= kSecondsEnd || text[10] != 'T' || text[13] != ':' || text[16] != ':') return std::nullopt;
  const auto hour = digits_at(text, 11, 2, 23), minute = digits_at(text, 14, 2, 59), second = digits_at(text, 17, 2, 59);
  const auto fraction = parse_fraction(text.substr(kSecondsEnd));
  if (!hour || !minute || !second || !fraction) return std::nullopt;
  return *date + ((*hour * 60 + *minute) * 60 + *second) * TimeMs{1000} + *fraction;
}

}  // namespace shutterseal
