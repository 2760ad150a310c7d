// SPDX-License-Identifier: Apache-2.0
#include "src/base/key_value.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal {

void fail_at(const std::string& file, int line, const std::string& reason) {
  throw Error(ErrorKind::config, escape_untrusted(file, kLongestSubject) + ":" + std::to_string(line) + ": " + reason);
}

static bool is_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

static bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

static KeyValue parse_line(std::string_view line, const std::string& file, int number) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) fail_at(file, number, "expected 'key = value'");
  const auto key = trim(line.substr(0, equals)), value = trim(line.substr(equals + 1));
  if (!is_key(key)) fail_at(file, number, "a key is made of a-z, 0-9 and '-', not '" + escape_untrusted(key) + "'");
  if (has_control(value) || !is_utf8(value)) fail_at(file, number, "the value of '" + std::string(key) + "' is not plain UTF-8 text");
  return {std::string(key), std::string(value), number};
}

std::vector<KeyValue> parse_key_values(std::string_view text, const std::string& file) {
  if (text.size() > kLargestTextFile) fail_at(file, 1, "the file is too large");
  std::vector<KeyValue> entries;
  int number = 0;
  for (const auto raw : split(text, '\n')) {
    ++number;
    const auto line = trim(raw);
    if (!line.empty() && line.front() != '#') entries.push_back(parse_line(line, file, number));
  }
  return entries;
}

std::string format_key_value(std::string_view key, std::string_view value) {
  return std::string(key) + " = " + std::string(value) + "\n";
}

}  // namespace shutterseal
