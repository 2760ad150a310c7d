// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/settings.h"

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/ids.h"
#include "src/base/text.h"
#include "src/config/settings.h"
#include "src/uploader/state.h"

namespace shutterseal::uploader {

static constexpr const char *kSigningKey = "/signing.key", *kSshKey = "/ssh.key";

static constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;
static constexpr std::uint64_t kDeepest = 16;
static constexpr std::uint64_t kLargestSize = std::uint64_t{1} << 46;
static constexpr std::int64_t kSecond = 1000, kHour = 3600 * kSecond, kDay = 24 * kHour;

static void bind(config::Settings& table, UploadSettings& settings) {
  table.text("camera", settings.camera);
  table.path("capture-dir", settings.capture_dir);
  table.number("capture-depth", settings.capture_depth, 0, kDeepest);
  table.flag("remove-empty-dirs", settings.remove_empty_dirs);
  table.list("ignore", settings.ignore);
  table.text("rejected", settings.rejected_text);
  table.size("rejected-limit", settings.rejected_limit, 0, kLargestSize);
  table.path("passphrase-file", settings.passphrase_file);
  table.text("signing-key", settings.signing_key);
  table.text("ssh-key", settings.ssh_key);
  table.text("tpm", settings.hardware.tpm);
  table.path("pkcs11-module", settings.hardware.pkcs11_module);
  table.path("ftp-password-file", settings.ftp_password_file);
  table.path("ftp-certificate", settings.ftp_certificate);
  table.path("ftp-key", settings.ftp_key);
  table.text("keep", settings.keep_text);
  table.size("spool-limit", settings.spool_limit, kMebi, kLargestSize);
  table.size("picture-limit", settings.picture_limit, 1024, 16 * kMebi);
  table.size("bandwidth", settings.bandwidth, 0, 1024 * kMebi);
  table.size("parcel-least", settings.parcel_least, 1024, 64 * kMebi);
  table.size("parcel-most", settings.parcel_most, 1024, 64 * kMebi);
  table.duration("connect-timeout", settings.connect_timeout_ms, kSecond, kHour);
  table.duration("stall-timeout", settings.stall_timeout_ms, kSecond, kHour);
  table.duration("total-timeout", settings.total_timeout_ms, kSecond, kDay);
  table.duration("idle-close", settings.idle_close_ms, 0, kDay);
  table.duration("receipt-timeout", settings.receipt_timeout_ms, 0, kDay);
  table.duration("resend-after", settings.resend_after_ms, kSecond, 30 * kDay);
  table.duration("heartbeat", settings.heartbeat_ms, 0, 7 * kDay);
  table.text("log-level", settings.log_level_text);
}

std::optional<Keep> parse_keep(std::string_view text) {
  Keep keep;
  if (text == "none") return keep;
  if (text.empty() || (text.back() >= '0' && text.back() <= '9')) return std::nullopt;
  if (const auto span = parse_duration_ms(text)) {
    keep.span_ms = *span;
  } else if (const auto octets = parse_size(text)) {
    keep.octets = *octets;
  } else {
    return std::nullopt;
  }
  return keep;
}

[[noreturn]] static void refuse(const std::string& file, const std::string& reason) {
  throw Error(ErrorKind::config, file + ": " + reason);
}

// What the table cannot say: words, and values that bound each other.
static void check(UploadSettings& settings, const std::string& file) {
  if (!settings.camera.empty() && !CameraId::parse(settings.camera)) refuse(file, "'camera' is no camera id");
  const auto keep = parse_keep(settings.keep_text);
  if (!keep) refuse(file, "'keep' is none, a time with its unit such as 7d, or a size with its unit such as 1G");
  settings.keep = *keep;
  if (settings.rejected_text != "pictures" && settings.rejected_text != "all") refuse(file, "'rejected' is pictures or all");
  settings.reject_all = settings.rejected_text == "all";
  const auto level = parse_log_level(settings.log_level_text);
  if (!level) refuse(file, "'log-level' is error, warning, info or debug");
  settings.log_level = *level;
  if (settings.heartbeat_ms != 0 && settings.heartbeat_ms < 10 * kSecond) refuse(file, "'heartbeat' is 0s (none) or at least 10s");
  if (settings.parcel_least > settings.parcel_most) refuse(file, "'parcel-least' is larger than 'parcel-most'");
  if (settings.ftp_certificate.empty() != settings.ftp_key.empty()) refuse(file, "'ftp-certificate' and 'ftp-key' go together");
  if (settings.capture_dir.empty()) refuse(file, "'capture-dir' is empty");
}

static keystore::KeyUri usual_key(const Context& context, const char* name) { return keystore::file_key(context.paths.keys + name); }

static keystore::KeyUri key_uri(const std::string& file, const std::string& key, const std::string& text, const keystore::KeyUri& usual) {
  if (text == usual.text) return usual;
  auto reading = keystore::parse_key_uri(text);
  if (!reading.uri) refuse(file, "'" + key + "' " + reading.reason);
  return *reading.uri;
}

// One key for both would sign, as SSH, octets that a server has a hand in.
static void check_keys(Context& context, const std::string& file) {
  const auto& settings = context.settings;
  context.signing_key = key_uri(file, "signing-key", settings.signing_key, usual_key(context, kSigningKey));
  context.ssh_key = key_uri(file, "ssh-key", settings.ssh_key, usual_key(context, kSshKey));
  if (context.signing_key.text == context.ssh_key.text) refuse(file, "'signing-key' and 'ssh-key' are two keys");
  const auto in = [&context](keystore::KeyPlace place) { return context.signing_key.place == place || context.ssh_key.place == place; };
  if (in(keystore::KeyPlace::token) && settings.hardware.pkcs11_module.empty()) refuse(file, "a key at pkcs11: needs 'pkcs11-module'");
  if (in(keystore::KeyPlace::tpm) && settings.hardware.tpm.empty()) refuse(file, "a key at handle: needs 'tpm'");
}

static void place(Context& context) {
  const auto& paths = context.paths;
  context.state = paths.state_dir + "/state";
  context.run_lock = paths.state_dir + "/run.lock";
  context.chain_lock = paths.state_dir + "/chain.lock";
  context.enrolling = paths.keys + "/enrolling";
  context.request = paths.keys + "/request.pem";
  context.bundle = paths.keys + "/bundle.p7m";
  context.renewed = paths.keys + "/certificate.pem";
  context.authority = paths.keys + "/authority.fingerprint";
}

Context load_context(const config::Arguments& arguments) {
  Context context;
  context.paths = camera_paths(arguments.get("root"));
  context.settings.capture_dir = context.paths.capture;
  context.settings.ftp_password_file = context.paths.keys + "/ftp-password";
  context.settings.signing_key = usual_key(context, kSigningKey).text;
  context.settings.ssh_key = usual_key(context, kSshKey).text;
  place(context);
  config::Settings table;
  bind(table, context.settings);
  const auto file = arguments.get("config", context.paths.config);
  table.read(file, !arguments.has("config"));
  check(context.settings, file);
  check_keys(context, file);
  if (arguments.has("passphrase-file")) context.settings.passphrase_file = arguments.get("passphrase-file");
  return context;
}

std::string dump_settings(const Context& context) {
  auto copy = context.settings;
  config::Settings table;
  bind(table, copy);
  return table.dump();
}

Secret obtain_passphrase(const Context& context, bool confirm) {
  return obtain_secret(context.settings.passphrase_file, "shutterseal-passphrase", "passphrase of this camera's keys", confirm);
}

std::vector<std::string> key_warnings(const Context& context) {
  const auto is_file = [](const keystore::KeyUri& uri) { return uri.place == keystore::KeyPlace::file; };
  const char* what = is_file(context.signing_key) && is_file(context.ssh_key) ? "both keys are files"
                     : is_file(context.signing_key)                           ? "the signing key is a file"
                     : is_file(context.ssh_key)                               ? "the SSH key is a file"
                                                                              : nullptr;
  if (!what) return {};
  return {std::string(what) + ": whoever copies this disk and learns the passphrase, from the same disk or from memory, can be this camera until it is "
                              "revoked; a key in a TPM or token (see 'signing-key', 'ssh-key') cannot be copied"};
}

// Where nobody but root may make it: the first command is often given by the user that the camera software runs as.
static void make_state_dir(const std::string& path) try {
  make_dirs(path, 0700);
} catch (const Error& error) {
  if (error.kind() != ErrorKind::permission) throw;
  throw Error(error.kind(), std::string(error.what()) + "; as root, once: install -d -o USER -g GROUP -m 700 " + escape_untrusted(path, kLongestSubject) +
                                " for the user that runs this; or keep all of this camera below a directory of your own: --root DIR");
}

void make_state_dirs(const Context& context) {
  make_state_dir(context.paths.state_dir);
  clear_places(context);
  for (const auto& dir : {context.paths.keys, context.paths.spool, context.state}) make_dirs(dir, 0700);
}

}  // namespace shutterseal::uploader
