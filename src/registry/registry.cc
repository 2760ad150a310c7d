// SPDX-License-Identifier: Apache-2.0
#include "src/registry/registry.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"

namespace shutterseal::registry {

static constexpr std::size_t kLargestPem = 16 * 1024;
static constexpr std::size_t kLongestHash = 512;
static constexpr std::uint64_t kLargestUid = 0xfffffffe;

std::string_view state_name(State state) noexcept {
  switch (state) {
    case State::active: return "active";
    case State::suspended: return "suspended";
    case State::revoked: return "revoked";
    case State::removed: return "removed";
  }
  return "revoked";
}

static std::optional<State> parse_state(std::string_view name) {
  for (const auto state : {State::active, State::suspended, State::revoked, State::removed})
    if (state_name(state) == name) return state;
  return std::nullopt;
}

std::vector<Network> parse_networks(std::string_view list, const Refuse& refuse) {
  std::vector<Network> networks;
  for (const auto word : split(list, ' ')) {
    if (word.empty()) continue;
    const auto network = Network::parse(word);
    if (!network) refuse(word);
    networks.push_back(network.value());
  }
  return networks;
}

static bool is_service_name(std::string_view name) noexcept {
  return name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

std::vector<std::string> parse_services(std::string_view list, const Refuse& refuse) {
  std::vector<std::string> services;
  for (const auto word : split(list, ' ')) {
    if (word.empty()) continue;
    if (!is_service_name(word)) refuse(word);
    services.emplace_back(word);
  }
  return services;
}

std::string networks_text(const Camera& camera) {
  std::string text;
  for (const auto& network : camera.networks) text += (text.empty() ? "" : " ") + network.text();
  return text;
}

std::string services_text(const Camera& camera) {
  std::string text;
  for (const auto& service : camera.services) text += (text.empty() ? "" : " ") + service;
  return text;
}

// ---- camera.conf --------------------------------------------------------------------------------------------------------------

// One entry of a file, and how to complain about it.
struct Line {
  const KeyValue& entry;
  const std::string& file;
  [[noreturn]] void refuse(const std::string& what) const {
    fail_at(file, entry.line, "'" + entry.key + "' " + what + ", not '" + escape_untrusted(entry.value) + "'");
  }
  [[nodiscard]] std::uint64_t number(std::uint64_t largest) const {
    const auto value = parse_decimal(entry.value, largest);
    if (!value) refuse("is a number");
    return *value;
  }
  [[nodiscard]] TimeMs time() const {
    const auto value = parse_time(entry.value);
    if (!value) refuse("is a time such as 2026-11-23T10:11:12Z");
    return *value;
  }
  [[nodiscard]] TimeMs duration() const {
    const auto value = parse_duration_ms(entry.value);
    if (!value || *value > kLongestGrace) refuse("is a time such as 90d");
    return *value;
  }
  [[nodiscard]] std::vector<Network> networks() const {
    return some(parse_networks(entry.value, [this](std::string_view) { refuse("is a list of networks such as 198.51.100.0/24 2001:db8::/32"); }));
  }
  [[nodiscard]] std::vector<std::string> services() const {
    return some(parse_services(entry.value, [this](std::string_view) { refuse("is a list of PAM service names"); }));
  }

 private:
  template <class List>
  [[nodiscard]] List some(List list) const {
    if (list.empty()) refuse("names at least one");
    return list;
  }
};

using Setters = std::map<std::string, std::function<void(const Line&)>>;

static void check_format(const Line& line) {
  if (line.entry.value != "1") line.refuse("is 1 in files that this program reads");
}

// Fail closed: an unknown key may be a restriction that a newer program understands.
static void apply(const Setters& setters, const std::vector<std::string>& repeatable, std::string_view text, const std::string& file) {
  std::vector<std::string> seen;
  for (const auto& entry : parse_key_values(text, file)) {
    const auto setter = setters.find(entry.key);
    if (setter == setters.end()) fail_at(file, entry.line, "unknown key '" + entry.key + "'");
    const bool again = std::find(seen.begin(), seen.end(), entry.key) != seen.end();
    const bool may_repeat = std::find(repeatable.begin(), repeatable.end(), entry.key) != repeatable.end();
    if (again && !may_repeat) fail_at(file, entry.line, "'" + entry.key + "' is given twice");
    seen.push_back(entry.key);
    setter->second(Line{entry, file});
  }
  if (seen.empty() || seen.front() != "format") throw Error(ErrorKind::config, file + ":1: the first line is not 'format = 1'");
}

static Camera parse_camera(const CameraId& id, std::string_view text, const std::string& file) {
  Camera camera{.id = id, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = {}, .networks = {}, .services = {}};
  bool has_state = false, has_uid = false;
  const Setters setters{
      {"format", check_format},
      {"state",
       [&](const Line& line) {
         const auto state = parse_state(line.entry.value);
         if (!state) line.refuse("is active, suspended or revoked");
         camera.state = *state;
         has_state = true;
       }},
      {"uid",
       [&](const Line& line) {
         camera.uid = static_cast<unsigned>(line.number(kLargestUid));
         has_uid = true;
       }},
      {"enrolled", [&](const Line& line) { camera.enrolled = line.time(); }},
      {"bundle-serial", [&](const Line& line) { camera.bundle_serial = line.number(kLargestInteger); }},
      {"reason", [&](const Line& line) { camera.reason = line.entry.value; }},
      {"revoked-at", [&](const Line& line) { camera.revoked_at = line.time(); }},
      {"stolen-at", [&](const Line& line) { camera.stolen_at = line.time(); }},
      {"expires", [&](const Line& line) { camera.expires = line.time(); }},
      {"grace", [&](const Line& line) { camera.grace = line.duration(); }},
      {"networks", [&](const Line& line) { camera.networks = line.networks(); }},
      {"services", [&](const Line& line) { camera.services = line.services(); }},
  };
  apply(setters, {}, text, file);
  if (!has_state || !has_uid) throw Error(ErrorKind::config, file + ":1: 'state' or 'uid' is missing");
  return camera;
}

static std::string format_camera(const Camera& camera) {
  auto text = format_key_value("format", "1") + format_key_value("state", state_name(camera.state)) +
              format_key_value("uid", std::to_string(camera.uid)) + format_key_value("enrolled", rfc3339_ms(camera.enrolled)) +
              format_key_value("bundle-serial", std::to_string(camera.bundle_serial));
  if (!camera.reason.empty()) text += format_key_value("reason", camera.reason);
  if (camera.revoked_at) text += format_key_value("revoked-at", rfc3339_ms(*camera.revoked_at));
  if (camera.stolen_at) text += format_key_value("stolen-at", rfc3339_ms(*camera.stolen_at));
  if (camera.expires) text += format_key_value("expires", rfc3339_ms(*camera.expires));
  if (camera.grace != kDefaultGrace) text += format_key_value("grace", std::to_string(camera.grace) + "ms");
  if (!camera.networks.empty()) text += format_key_value("networks", networks_text(camera));
  if (!camera.services.empty()) text += format_key_value("services", services_text(camera));
  return text;
}

// ---- reading ------------------------------------------------------------------------------------------------------------------

static std::string folder_of(const std::string& dir, const CameraId& id) { return dir + "/" + id.account(); }

std::optional<Camera> Registry::find(const CameraId& id) const {
  const auto folder = folder_of(dir_, id);
  static_cast<void>(open_guarded_dir(dir_));
  if (!exists(folder)) return std::nullopt;
  const auto file = folder + "/camera.conf";
  const auto content = read_guarded_file(file, kLargestTextFile, Secrecy::trusted);
  return parse_camera(id, as_text(content), file);
}

std::vector<CameraId> Registry::list() const {
  std::vector<CameraId> ids;
  for (const auto& name : list_dir(open_dir(dir_).get()))
    if (const auto id = CameraId::from_account(name)) ids.push_back(*id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<GuardedFile> Registry::signing_certificates(const CameraId& id) const {
  return read_guarded_files(signing_folder(id), ".pem", kLargestPem);
}

std::string Registry::authorized_key(const CameraId& id) const {
  const auto file = folder_of(dir_, id) + "/authorized_keys";
  if (!exists(file)) return {};
  return std::string(as_text(read_guarded_file(file, kLargestTextFile, Secrecy::trusted)));
}

std::string Registry::password_hash(const CameraId& id) const {
  const auto file = folder_of(dir_, id) + "/password";
  if (!exists(file)) return {};
  return std::string(as_text(read_guarded_file(file, kLongestHash, Secrecy::secret)));
}

static std::int64_t change_time(const struct stat& info) { return info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec; }

std::optional<Registry::Stamp> Registry::stamp(const CameraId& id) const {
  const auto folder = folder_of(dir_, id);
  struct stat conf {}, signing {};
  if (::stat((folder + "/camera.conf").c_str(), &conf) != 0 || ::stat((folder + "/signing").c_str(), &signing) != 0) return std::nullopt;
  return Stamp{change_time(conf), change_time(signing), conf.st_ino};
}

// ---- changing -----------------------------------------------------------------------------------------------------------------

// Modes are what sshd (as the camera) and the daemon (as group) need, and must not depend on the administrator's umask. A group
// different from root's is given by the setgid bit of the cameras folder.
static Fd make_folder(int parent, const std::string& name, mode_t mode) {
  auto folder = make_dir_at(parent, name, mode);
  struct stat info {};
  if (::fstat(folder.get(), &info) != 0 || ::fchmod(folder.get(), mode | (info.st_mode & S_ISGID)) != 0) throw_errno("cannot make directory", name);
  return folder;
}

void Registry::enrol(const Camera& camera, std::string_view ssh_public_key, const std::string& fingerprint_hex,
                     std::string_view certificate_pem) const {
  const auto parent = open_dir(dir_);
  const auto name = camera.id.account(), half = ".half-" + name;
  if (exists(dir_ + "/" + name)) throw Error(ErrorKind::cannot_create, "camera " + camera.id.text() + " is enrolled already");
  if (exists(dir_ + "/" + half)) remove_tree(parent.get(), half);  // an earlier enrolment, cut before its rename
  const auto folder = make_folder(parent.get(), half, 0711);
  const auto signing = make_folder(folder.get(), "signing", 0750);
  const auto where = dir_ + "/" + name;
  commit_file(signing.get(), fingerprint_hex + ".pem", as_bytes(certificate_pem), 0640, where);
  commit_file(folder.get(), "authorized_keys", as_bytes(ssh_public_key), 0644, where);
  commit_file(folder.get(), "camera.conf", as_bytes(format_camera(camera)), 0640, where);
  move_file(parent.get(), half, parent.get(), name, where);
}

void Registry::add_certificate(const CameraId& id, const std::string& fingerprint_hex, std::string_view pem) const {
  commit_file(folder_of(dir_, id) + "/signing/" + fingerprint_hex + ".pem", as_bytes(pem), 0640);
}

Camera Registry::update(const CameraId& id, const std::function<void(Camera&)>& change) const {
  const auto lock = FileLock::wait(dir_ + "/.lock");
  auto camera = find(id);
  if (!camera) throw Error(ErrorKind::unknown, "camera " + id.text() + " is not enrolled");
  change(*camera);
  const auto folder = folder_of(dir_, id);
  replace_file(folder + "/camera.conf", as_bytes(format_camera(*camera)), 0640);
  // The daemon watches the registry's own directory alone, where a folder's new time shows: what waits is looked at now, not at the next rescan.
  static_cast<void>(::utimensat(AT_FDCWD, folder.c_str(), nullptr, AT_SYMLINK_NOFOLLOW));
  return std::move(*camera);
}

void Registry::set_password(const CameraId& id, const std::string& hash) const {
  replace_file(folder_of(dir_, id) + "/password", as_bytes(hash), 0600);
}

void Registry::forget_logins(const CameraId& id) const {
  const auto folder = open_dir(folder_of(dir_, id));
  replace_file(folder.get(), "authorized_keys", {}, 0644, folder_of(dir_, id));
  unlink_at(folder.get(), "password");
  sync_dir(folder.get(), folder_of(dir_, id));
}

// ---- server.conf --------------------------------------------------------------------------------------------------------------

ServerProfile read_server_profile(const std::string& path) {
  ServerProfile profile;
  const Setters setters{
      {"format", check_format},
      {"url", [&](const Line& line) { profile.urls.push_back(line.entry.value); }},
      {"host-key-pin", [&](const Line& line) { profile.host_key_pins.push_back(line.entry.value); }},
  };
  const auto content = read_guarded_file(path, kLargestTextFile, Secrecy::trusted);
  apply(setters, {"url", "host-key-pin"}, as_text(content), path);
  if (profile.urls.empty() || profile.urls.size() > 8) throw Error(ErrorKind::config, path + ":1: 1 to 8 'url' lines are needed");
  if (profile.host_key_pins.empty() || profile.host_key_pins.size() > 4)
    throw Error(ErrorKind::config, path + ":1: 1 to 4 'host-key-pin' lines are needed");
  return profile;
}

void write_server_profile(const std::string& path, const ServerProfile& profile) {
  auto text = format_key_value("format", "1");
  for (const auto& url : profile.urls) text += format_key_value("url", url);
  for (const auto& pin : profile.host_key_pins) text += format_key_value("host-key-pin", pin);
  replace_file(path, as_bytes(text), 0644);
}

}  // namespace shutterseal::registry
