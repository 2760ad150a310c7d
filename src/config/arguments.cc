// SPDX-License-Identifier: Apache-2.0
#include "src/config/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal::config {

namespace options = boost::program_options;

bool Arguments::has(const std::string& name) const {
  return std::any_of(given_.begin(), given_.end(), [&](const auto& one) { return one.first == name; });
}

std::string Arguments::get(const std::string& name, const std::string& otherwise) const {
  const auto values = all(name);
  return values.empty() ? otherwise : values.front();
}

std::vector<std::string> Arguments::all(const std::string& name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : given_)
    if (key == name) values.push_back(value);
  return values;
}

static options::options_description describe(const std::vector<Option>& table) {
  options::options_description description;
  for (const auto& option : table) {
    if (option.argument.empty())
      description.add_options()(option.name.c_str(), option.help.c_str());
    else
      description.add_options()(option.name.c_str(), options::value<std::string>()->value_name(option.argument), option.help.c_str());
  }
  return description;
}

static std::string long_name(const Option& option) { return option.name.substr(0, option.name.find(',')); }

static const Option* find_option(const std::vector<Option>& table, const std::string& name) {
  for (const auto& option : table)
    if (long_name(option) == name) return &option;
  return nullptr;
}

static options::parsed_options parse(int argc, const char* const* argv, const options::options_description& description) {
  using namespace options::command_line_style;
  constexpr int kStyle = allow_long | allow_short | short_allow_next | short_allow_adjacent | long_allow_next | long_allow_adjacent |
                         allow_dash_for_short;
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  return options::command_line_parser(words).options(description).style(kStyle).allow_unregistered().run();
}

Arguments parse_arguments(int argc, const char* const* argv, const std::vector<Option>& table) {
  Arguments arguments;
  const auto description = describe(table);
  try {
    for (const auto& item : parse(argc, argv, description).options) {
      const auto* option = find_option(table, item.string_key);
      if (item.position_key >= 0 || item.string_key.empty()) {
        for (const auto& value : item.value) arguments.operands_.push_back(value);
      } else if (!option || item.unregistered) {
        throw Error(ErrorKind::usage, "unknown option '" + escape_untrusted(item.original_tokens.at(0)) + "' (see --help)");
      } else {
        const auto name = long_name(*option);
        if (!option->repeat && arguments.has(name)) throw Error(ErrorKind::usage, "option '--" + name + "' is given twice");
        arguments.given_.emplace_back(name, item.value.empty() ? "" : item.value.front());
      }
    }
  } catch (const options::error& error) {
    throw Error(ErrorKind::usage, escape_untrusted(error.what()) + " (see --help)");
  }
  return arguments;
}

std::string help_text(const std::string& synopsis, const std::string& summary, const std::vector<Option>& table) {
  std::string text = "Usage: " + synopsis + "\n\n" + summary + "\n\nOptions:\n";
  for (const auto& option : table) {
    const auto comma = option.name.find(',');
    auto name = comma == std::string::npos ? "    --" + option.name : "-" + option.name.substr(comma + 1) + ", --" + long_name(option);
    if (!option.argument.empty()) name += " " + option.argument + (option.repeat ? "..." : "");
    text += fmt::format("  {:<34} {}\n", name, option.help);
  }
  return text;
}

std::vector<Option> common_options() {
  return {{"help", "", "show this and exit"},
          {"version", "", "show the version and exit"},
          {"config", "FILE", "read the configuration from FILE"},
          {"root", "DIR", "prefix every default path with DIR"},
          {"test,t", "", "check the configuration and exit"},
          {"dump,T", "", "print the effective configuration and exit"}};
}

std::string version_text(const char* program) { return std::string(program) + " " SHUTTERSEAL_VERSION; }

}  // namespace shutterseal::config
