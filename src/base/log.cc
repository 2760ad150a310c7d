// SPDX-License-Identifier: Apache-2.0
#include "src/base/log.h"

#include <syslog.h>

#include <cstdio>

#include "src/base/text.h"

namespace shutterseal {

LogLine& LogLine::field(std::string_view key, std::string_view trusted_word) {
  text_.append(" ").append(key).append("=").append(trusted_word);
  return *this;
}

LogLine& LogLine::number(std::string_view key, std::int64_t value) { return field(key, std::to_string(value)); }

LogLine& LogLine::sentence(std::string_view key, std::string_view safe_text) {
  text_.append(" ").append(key).append("=\"");
  // Whether char has a sign depends on the machine: on ARM it has none.
  for (const char c : safe_text) text_ += c == '"' || c < ' ' || c > '~' ? '\'' : c;
  text_ += '"';
  return *this;
}

LogLine& LogLine::untrusted(std::string_view key, std::string_view text) { return field(key, quote_untrusted(text)); }

Log::Log(const char* name, bool foreground, LogLevel threshold) : name_(name), foreground_(foreground), threshold_(threshold) {
  if (!foreground_) ::openlog(name_, LOG_PID, LOG_DAEMON);
}

Log::~Log() {
  if (!foreground_) ::closelog();
}

static int priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::error: return LOG_ERR;
    case LogLevel::warning: return LOG_WARNING;
    case LogLevel::info: return LOG_INFO;
    case LogLevel::debug: return LOG_DEBUG;
  }
  return LOG_ERR;
}

void Log::write(LogLevel level, std::string_view line) const {
  if (level > threshold_) return;
  const auto printable = make_printable(line);
  if (!foreground_) {
    ::syslog(priority_of(level), "%s", printable.c_str());
    return;
  }
  // One call, so that lines of two threads do not mix.
  const auto text = std::string(name_) + ": " + printable + "\n";
  std::fputs(text.c_str(), stderr);
}

std::optional<LogLevel> parse_log_level(std::string_view text) noexcept {
  if (text == "error") return LogLevel::error;
  if (text == "warning") return LogLevel::warning;
  if (text == "info") return LogLevel::info;
  if (text == "debug") return LogLevel::debug;
  return std::nullopt;
}

}  // namespace shutterseal
