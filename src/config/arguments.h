// SPDX-License-Identifier: Apache-2.0
// Command lines: a table of options in, what was given out. Boost.Program_options is used inside src/config alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace shutterseal::config {

struct Option {
  std::string name;      // "out", or "json,j" with a short form
  std::string argument;  // "FILE"; empty: a switch
  std::string help;
  bool repeat = false;   // may be given several times; takes several values ("--url A --url B")
};

class Arguments {
 public:
  [[nodiscard]] bool has(const std::string& name) const;
  [[nodiscard]] std::string get(const std::string& name, const std::string& otherwise = "") const;
  [[nodiscard]] std::vector<std::string> all(const std::string& name) const;
  [[nodiscard]] const std::vector<std::string>& operands() const { return operands_; }

 private:
  friend Arguments parse_arguments(int, const char* const*, const std::vector<Option>&);
  std::vector<std::pair<std::string, std::string>> given_;
  std::vector<std::string> operands_;
};

// Error usage ("unknown option '--x' (see --help)"): exit 64. An option without `repeat` given twice is an error. "--" ends options.
[[nodiscard]] Arguments parse_arguments(int argc, const char* const* argv, const std::vector<Option>& options);
// "Usage: SYNOPSIS\n\nSUMMARY\n\nOptions: …" for --help.
[[nodiscard]] std::string help_text(const std::string& synopsis, const std::string& summary, const std::vector<Option>& options);
// --help, --version, --config, --root, -t, -T: every program's.
[[nodiscard]] std::vector<Option> common_options();
[[nodiscard]] std::string version_text(const char* program);  // "shutterseal-upload 0.1.0"

}  // namespace shutterseal::config
