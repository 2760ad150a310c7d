// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/settings.h"

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/config/settings.h"
#include "src/envelope/envelope.h"

namespace shutterseal::ingestd {

static constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;
static constexpr std::int64_t kSecond = 1000, kDay = 24LL * 3600 * kSecond;

static void bind(config::Settings& table, Settings& settings) {
  table.size("picture-limit", settings.picture_limit, 1024, envelope::kLargestContent);
  table.size("drop-limit", settings.drop_limit, kMebi, 256 * kMebi);
  table.size("quarantine-quota", settings.quarantine_quota, 0, 1024 * 1024 * kMebi);
  table.size("free-least", settings.free_least, 0, 1024 * 1024 * kMebi);
  table.number("workers", settings.workers, 1, 64);
  table.number("verifier-life", settings.verifier_life, 1, 1'000'000);
  table.duration("verifier-limit", settings.verifier_limit_ms, kSecond, 25 * kSecond);
  table.number("pending-files", settings.pending_files, 1, 128);
  table.size("pending-bytes", settings.pending_bytes, 64 * 1024, 256 * kMebi);
  table.number("group-files", settings.group_files, 1, 1024);
  table.size("group-bytes", settings.group_bytes, kMebi, 64 * kMebi);
  table.duration("group-wait", settings.group_wait_ms, 0, kSecond);
  table.duration("rescan", settings.rescan_ms, kSecond, 3600 * kSecond);
  table.duration("part-age", settings.part_age_ms, 3600 * kSecond, 365 * kDay);
  table.text("alert-command", settings.alert_command);
  table.duration("alert-timeout", settings.alert_timeout_ms, kSecond, 3600 * kSecond);
  table.duration("alert-pause", settings.alert_pause_ms, kSecond, kDay);
  table.duration("silent-after", settings.silent_after_ms, 0, 365 * kDay);
  table.duration("silent-most", settings.silent_most_ms, 60 * kSecond, 14 * kDay);
  table.text("log-level", settings.log_level_text);
}

// Words between spaces, no shell and no quoting: what needs more is a script.
static std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> words;
  for (const auto word : split(command, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

static std::vector<std::string> given(const config::Arguments& arguments) {
  std::vector<std::string> words;
  for (const auto* name : {"config", "root"})
    if (arguments.has(name)) words.insert(words.end(), {"--" + std::string(name), arguments.get(name)});
  if (arguments.has("foreground")) words.emplace_back("--foreground");
  return words;
}

Context load_context(const config::Arguments& arguments) {
  Context context;
  context.paths = server_paths(arguments.get("root"));
  config::Settings table;
  bind(table, context.settings);
  const auto file = arguments.get("config", context.paths.ingestd_conf);
  table.read(file, !arguments.has("config"));
  auto& settings = context.settings;
  const auto level = parse_log_level(settings.log_level_text);
  if (!level) throw Error(ErrorKind::config, file + ": 'log-level' is error, warning, info or debug");
  settings.log_level = *level;
  settings.alert_argv = words_of(settings.alert_command);
  if (!settings.alert_argv.empty() && settings.alert_argv.front().front() != '/')
    throw Error(ErrorKind::config, file + ": 'alert-command' begins with an absolute path");
  context.given = given(arguments);
  if (settings.drop_limit < settings.picture_limit + envelope::kLargestOverhead)
    throw Error(ErrorKind::config, file + ": 'drop-limit' is too small for one picture of 'picture-limit'");
  return context;
}

std::string dump_settings(const Context& context) {
  auto copy = context.settings;
  config::Settings table;
  bind(table, copy);
  return table.dump();
}

}  // namespace shutterseal::ingestd
