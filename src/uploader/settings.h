// SPDX-License-Identifier: Apache-2.0
// shutterseal-upload.conf(5) as a struct, and what every subcommand starts from: settings, paths, the camera's key files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/base/paths.h"
#include "src/base/secret.h"
#include "src/config/arguments.h"
#include "src/keystore/keystore.h"
#include "src/uploader/names.h"

namespace shutterseal::uploader {

inline constexpr const char* kProgram = "shutterseal-upload";

// What happens to an envelope after a receipt covers it: deleted at once (both zero), or kept for a span, or up to a size.
struct Keep {
  std::int64_t span_ms = 0;
  std::uint64_t octets = 0;
  [[nodiscard]] bool is_nothing() const { return span_ms == 0 && octets == 0; }
};

struct UploadSettings {
  std::string camera;  // optional: a guard against the wrong state directory; the identity comes from the keys
  std::string capture_dir;
  std::uint64_t capture_depth = 4;
  bool remove_empty_dirs = false;
  std::vector<std::string> ignore = default_ignored();  // patterns, several a line
  std::string rejected_text = "pictures";
  bool reject_all = false;  // what is no picture by its looks goes to rejected/, too
  std::uint64_t rejected_limit = std::uint64_t{64} << 20;
  std::string passphrase_file;
  std::string signing_key, ssh_key;  // key URIs
  keystore::Hardware hardware{"device:/dev/tpmrm0", {}};
  std::string ftp_password_file, ftp_certificate, ftp_key;  // for servers at ftps:// alone
  std::string keep_text = "none";
  Keep keep;
  std::uint64_t spool_limit = std::uint64_t{4} << 30;
  std::uint64_t picture_limit = std::uint64_t{16} << 20;
  std::uint64_t bandwidth = 0;
  std::uint64_t parcel_least = std::uint64_t{64} << 10;
  std::uint64_t parcel_most = std::uint64_t{8} << 20;
  std::int64_t connect_timeout_ms = 30'000;
  std::int64_t stall_timeout_ms = 30'000;
  std::int64_t total_timeout_ms = 600'000;
  std::int64_t idle_close_ms = 30'000;
  std::int64_t receipt_timeout_ms = 60'000;
  std::int64_t resend_after_ms = 600'000;
  std::int64_t heartbeat_ms = 900'000;  // while nothing moves; 0: none
  std::string log_level_text = "info";
  LogLevel log_level = LogLevel::info;
};

// Everything a subcommand needs to know before it opens a key.
struct Context {
  UploadSettings settings;
  CameraPaths paths;
  std::string state;       // state_dir/state
  std::string run_lock;    // one `run` or `watch` at a time
  std::string chain_lock;  // held only while sealing, so that an event can be sealed beside them
  keystore::KeyUri signing_key, ssh_key;
  std::string enrolling, request, bundle, authority, renewed;  // below keys/
};

// Error config for a bad value; Error no_input when a --config FILE is missing (the default file may be).
[[nodiscard]] Context load_context(const config::Arguments& arguments);
[[nodiscard]] std::string dump_settings(const Context& context);
// "none", a span ("7d") or a size ("1G"); a number without a unit is refused, because it could be either.
[[nodiscard]] std::optional<Keep> parse_keep(std::string_view text);
[[nodiscard]] Secret obtain_passphrase(const Context& context, bool confirm);
// What whoever takes this camera's disk gets with these keys, a line each; nothing when both are in hardware.
[[nodiscard]] std::vector<std::string> key_warnings(const Context& context);
// The state directories, made when missing.
void make_state_dirs(const Context& context);

}  // namespace shutterseal::uploader
