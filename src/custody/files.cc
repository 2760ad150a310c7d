// SPDX-License-Identifier: Apache-2.0
#include "src/custody/files.h"

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

namespace shutterseal::custody {

ServerPaths paths_of(const config::Arguments& arguments) { return server_paths(arguments.get("root")); }

bool is_private_tree(const config::Arguments& arguments) { return arguments.has("root"); }

registry::Registry registry_of(const config::Arguments& arguments) {
  return registry::Registry(arguments.get("registry", paths_of(arguments).cameras));
}

CameraId camera_id(const std::string& text) {
  const auto id = CameraId::parse(text);
  if (!id) throw Error(ErrorKind::usage, "'" + escape_untrusted(text) + "' is no camera id: 1 to 28 of a-z, 0-9 and '-', no '-' at either end");
  return *id;
}

registry::Camera enrolled_camera(const registry::Registry& registry, const CameraId& id) {
  auto camera = registry.find(id);
  if (!camera) throw Error(ErrorKind::unknown, "camera " + id.text() + " is not enrolled");
  return std::move(*camera);
}

void refuse_final(const registry::Camera& camera) {
  if (is_final(camera.state))
    throw Error(ErrorKind::data, "camera " + camera.id.text() + " is " + std::string(state_name(camera.state)) + ": that is final");
}

std::string needed(const config::Arguments& arguments, const std::string& option) {
  if (!arguments.has(option)) throw Error(ErrorKind::usage, "--" + option + " is needed (see --help)");
  return arguments.get(option);
}

std::optional<TimeMs> time_option(const config::Arguments& arguments, const std::string& name) {
  if (!arguments.has(name)) return std::nullopt;
  const auto time = parse_time(arguments.get(name));
  if (!time) throw Error(ErrorKind::usage, "--" + name + " is a UTC time such as 2026-11-23 or 2026-11-23T10:11:12Z");
  return time;
}

envelope::Certificate read_certificate(const std::string& path) {
  return envelope::Certificate::from_pem(read_file(path, kLargestPem), path);
}

envelope::PrivateKey read_private_key(const config::Arguments& arguments, const std::string& path, const std::string& who) {
  const auto pem = read_guarded_file(path, kLargestPem, Secrecy::secret);
  const bool is_plain = as_text(pem).find("-----BEGIN PRIVATE KEY-----") != std::string_view::npos;
  const auto passphrase = is_plain ? Secret() : obtain_secret(arguments.get("passphrase-file"), "shutterseal-passphrase", "passphrase of the " + who + "'s key", false);
  return envelope::PrivateKey::from_pem(pem, passphrase, path);
}

void refuse_existing(const std::string& path) {
  if (exists(path)) throw Error(ErrorKind::cannot_create, "cannot make '" + escape_untrusted(path, kLongestSubject) + "': it exists");
}

}  // namespace shutterseal::custody
