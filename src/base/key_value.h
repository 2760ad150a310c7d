// SPDX-License-Identifier: Apache-2.0
// The `key = value` text that every configuration and registry file is written in.
//
// One entry a line; '#' starts a comment at the start of a line; blank lines are skipped; spaces around key and value are
// dropped; a key is [a-z0-9-]+; a value is UTF-8 without control characters and may be empty. Anything else is an Error config
// that names file and line. Keys may repeat: the reader of the entries decides.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shutterseal {

struct KeyValue {
  std::string key;
  std::string value;
  int line = 0;
};

inline constexpr std::size_t kLargestTextFile = 1024 * 1024;

[[nodiscard]] std::vector<KeyValue> parse_key_values(std::string_view text, const std::string& file);
// Error config: "FILE:LINE: REASON".
[[noreturn]] void fail_at(const std::string& file, int line, const std::string& reason);
[[nodiscard]] std::string format_key_value(std::string_view key, std::string_view value);  // "key = value\n"

}  // namespace shutterseal
