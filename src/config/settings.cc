// SPDX-License-Identifier: Apache-2.0
#include "src/config/settings.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"

namespace shutterseal::config {

void Settings::add(Entry entry) { entries_.push_back(std::move(entry)); }

void Settings::text(const std::string& key, std::string& value) {
  add({key, false,
       [&value](const std::string& given, bool) {
         value = given;
         return std::string();
       },
       [&value] { return std::vector<std::string>{value}; }});
}

void Settings::path(const std::string& key, std::string& value) {
  add({key, false,
       [&value](const std::string& given, bool) -> std::string {
         if (!given.empty() && given.front() != '/') return "needs an absolute path";
         value = given;
         return {};
       },
       [&value] { return std::vector<std::string>{value}; }});
}

void Settings::list(const std::string& key, std::vector<std::string>& value) {
  add({key, true,
       [&value](const std::string& given, bool first) {
         if (first) value.clear();
         value.push_back(given);
         return std::string();
       },
       [&value] { return value; }});
}

void Settings::flag(const std::string& key, bool& value) {
  add({key, false,
       [&value](const std::string& given, bool) -> std::string {
         if (given != "yes" && given != "no") return "is yes or no";
         value = given == "yes";
         return {};
       },
       [&value] { return std::vector<std::string>{value ? "yes" : "no"}; }});
}

// Numbers, sizes and durations differ only in how the text is read and written.
template <class T, class Parse, class Format>
static auto bounded(T& value, T least, T most, Parse parse, Format format, const std::string& form) {
  return [&value, least, most, parse, format, form](const std::string& given, bool) -> std::string {
    const auto read = parse(given);
    if (!read) return "needs " + form;
    if (*read < least || *read > most) return "lies between " + format(least) + " and " + format(most);
    value = *read;
    return {};
  };
}

static std::string plain(std::uint64_t value) { return std::to_string(value); }
static std::string milliseconds(std::int64_t value) { return std::to_string(value) + "ms"; }

void Settings::number(const std::string& key, std::uint64_t& value, std::uint64_t least, std::uint64_t most) {
  const auto parse = [](const std::string& given) { return parse_decimal(given, UINT64_MAX); };
  add({key, false, bounded(value, least, most, parse, plain, "a whole number"), [&value] { return std::vector{plain(value)}; }});
}

void Settings::size(const std::string& key, std::uint64_t& value, std::uint64_t least, std::uint64_t most) {
  const auto parse = [](const std::string& given) { return parse_size(given); };
  add({key, false, bounded(value, least, most, parse, plain, "a size such as 64k, 8M or 1G"),
       [&value] { return std::vector{plain(value)}; }});
}

void Settings::duration(const std::string& key, std::int64_t& value_ms, std::int64_t least_ms, std::int64_t most_ms) {
  const auto parse = [](const std::string& given) { return parse_duration_ms(given); };
  add({key, false, bounded(value_ms, least_ms, most_ms, parse, milliseconds, "a time such as 250ms, 30s, 10m, 2h or 7d"),
       [&value_ms] { return std::vector{milliseconds(value_ms)}; }});
}

void Settings::read(const std::string& file, bool may_be_missing) {
  if (may_be_missing && !exists(file)) return;
  // Others who could write it could choose where evidence goes.
  const auto content = read_guarded_file(file, kLargestTextFile, Secrecy::trusted);
  read_text(as_text(content), file);
}

void Settings::read_text(std::string_view content, const std::string& file) {
  std::vector<std::string> seen;
  for (const auto& [key, value, line] : parse_key_values(content, file)) {
    const auto entry = std::find_if(entries_.begin(), entries_.end(), [&wanted = key](const Entry& one) { return one.key == wanted; });
    if (entry == entries_.end()) fail_at(file, line, "unknown key '" + key + "'");
    const bool first = std::find(seen.begin(), seen.end(), key) == seen.end();
    if (!first && !entry->repeats) fail_at(file, line, "'" + key + "' is given twice");
    seen.push_back(key);
    const auto wrong = entry->set(value, first);
    if (!wrong.empty()) fail_at(file, line, "'" + key + "' " + wrong + ", not '" + escape_untrusted(value) + "'");
  }
}

std::string Settings::dump() const {
  std::string text;
  for (const auto& entry : entries_)
    for (const auto& value : entry.get()) text += format_key_value(entry.key, value);
  return text;
}

}  // namespace shutterseal::config
