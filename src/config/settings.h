// SPDX-License-Identifier: Apache-2.0
// A configuration file as a table that binds keys to the fields of a struct. Unknown key, bad value, a key given twice: Error config
// naming file and line. The same table prints the effective configuration (-T).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace shutterseal::config {

class Settings {
 public:
  // Each binds one key to a variable whose present value is the default. `least` and `most` bound what is accepted.
  void text(const std::string& key, std::string& value);
  void path(const std::string& key, std::string& value);  // absolute
  void list(const std::string& key, std::vector<std::string>& value);  // the key may repeat; a first one in the file replaces the default
  void flag(const std::string& key, bool& value);  // yes | no
  void number(const std::string& key, std::uint64_t& value, std::uint64_t least, std::uint64_t most);
  void size(const std::string& key, std::uint64_t& value, std::uint64_t least, std::uint64_t most);      // 64k, 8M
  void duration(const std::string& key, std::int64_t& value_ms, std::int64_t least_ms, std::int64_t most_ms);  // 250ms, 30s, 10m

  // Reads FILE into the bound variables. A missing file is an Error no_input unless `may_be_missing`.
  void read(const std::string& file, bool may_be_missing);
  void read_text(std::string_view content, const std::string& file);
  [[nodiscard]] std::string dump() const;  // every key with its effective value, in table order, readable by read_text

 private:
  struct Entry {
    std::string key;
    bool repeats = false;
    std::function<std::string(const std::string&, bool first)> set;  // an empty answer, or what is wrong with the value
    std::function<std::vector<std::string>()> get;
  };
  void add(Entry entry);
  std::vector<Entry> entries_;
};

}  // namespace shutterseal::config
