// SPDX-License-Identifier: Apache-2.0
// Log lines are an interface: one line an event, key=value in a fixed order, untrusted text last, quoted and escaped.
// Library folders never log; programs do, through one Log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shutterseal {

// LogLine("accepted").field("camera", id).number("seq", 42).untrusted("file", name).text()
class LogLine {
 public:
  explicit LogLine(std::string_view event) : text_(event) {}
  LogLine& field(std::string_view key, std::string_view trusted_word);  // our own words: no space, no quote
  LogLine& number(std::string_view key, std::int64_t value);
  LogLine& untrusted(std::string_view key, std::string_view text);      // quoted and escaped
  LogLine& sentence(std::string_view key, std::string_view safe_text);  // an Error's words, escaped where they were made: quoted, not cut
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

enum class LogLevel { error, warning, info, debug };
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view text) noexcept;

// Where a program's lines go. `foreground`: stderr as "NAME: LINE"; otherwise syslog (facility daemon, identity NAME).
class Log {
 public:
  Log(const char* name, bool foreground, LogLevel threshold);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  void write(LogLevel level, std::string_view line) const;
  void info(const LogLine& line) const { write(LogLevel::info, line.text()); }
  void warning(const LogLine& line) const { write(LogLevel::warning, line.text()); }
  void error(const LogLine& line) const { write(LogLevel::error, line.text()); }

 private:
  const char* name_;
  bool foreground_;
  LogLevel threshold_;
};

}  // namespace shutterseal
