// SPDX-License-Identifier: Apache-2.0
// shutterseal-ingestd.conf(5) as a struct.
#pragma once

#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/base/paths.h"
#include "src/config/arguments.h"

namespace shutterseal::ingestd {

inline constexpr const char* kProgram = "shutterseal-ingestd";

struct Settings {
  std::uint64_t picture_limit = std::uint64_t{16} << 20;
  std::uint64_t drop_limit = std::uint64_t{64} << 20;        // a parcel
  std::uint64_t quarantine_quota = std::uint64_t{256} << 20;  // octets a camera; beyond it digest and reason are kept
  std::uint64_t free_least = std::uint64_t{256} << 20;        // below this nothing is taken: drops wait, cameras keep theirs
  std::uint64_t workers = 2;
  std::uint64_t verifier_life = 256;         // drops; then another process takes its place
  std::int64_t verifier_limit_ms = 20'000;  // for one drop. Two tries must end before the daemon counts as standing still (pipeline.cc)
  std::uint64_t pending_files = 128;          // of one camera on their way from drop directory to evidence; the others wait where they are
  std::uint64_t pending_bytes = std::uint64_t{28} << 20;
  std::uint64_t group_files = 32;
  std::uint64_t group_bytes = std::uint64_t{8} << 20;
  std::int64_t group_wait_ms = 10;
  std::int64_t rescan_ms = 10'000;
  std::int64_t part_age_ms = 7LL * 24 * 3600 * 1000;  // of an upload that was cut and never finished
  std::string alert_command;                          // absolute path and words, split at spaces; empty: none
  std::vector<std::string> alert_argv;                // of alert_command
  std::int64_t alert_timeout_ms = 30'000;
  std::int64_t alert_pause_ms = 60'000;               // between two commands for the same camera and kind
  std::int64_t silent_after_ms = 0;                   // 0: twice the interval that a camera states, alone
  std::int64_t silent_most_ms = 2 * 24 * 3600 * 1000;  // no stated interval lets a camera be away for longer
  std::string log_level_text = "info";
  LogLevel log_level = LogLevel::info;
};

struct Context {
  Settings settings;
  ServerPaths paths;
  std::vector<std::string> given;  // of the command line, for a process that shall have the same context
};
[[nodiscard]] Context load_context(const config::Arguments& arguments);
[[nodiscard]] std::string dump_settings(const Context& context);

}  // namespace shutterseal::ingestd
