// SPDX-License-Identifier: Apache-2.0
// camera …: who is enrolled, and in which state.
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/custody/bundle.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/report/json.h"
#include "src/server/trust.h"

namespace shutterseal::custody {

static constexpr std::uint64_t kDefaultLifeDays = 3653;  // ten years

static envelope::Request read_request(const std::string& path) {
  auto reading = envelope::read_request_pem(read_file(path, kLargestPem));
  if (!reading.request) throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' is no request: " + reading.reason);
  return std::move(*reading.request);
}

static envelope::Certificate certify(const config::Arguments& arguments, const envelope::Request& request, const envelope::Certificate& authority) {
  const auto days = parse_decimal(arguments.get("days", std::to_string(kDefaultLifeDays)), 36500);
  if (!days || *days == 0) throw Error(ErrorKind::usage, "--days is a number from 1 to 36500");
  const auto key = read_private_key(arguments, needed(arguments, "authority-key"), "authority");
  if (key.public_point() != authority.point) throw Error(ErrorKind::permission, "the authority's key and certificate do not belong together");
  const auto now = now_ms();
  const auto end = std::min(now + static_cast<TimeMs>(*days) * kDay, authority.not_after);
  return envelope::issue_certificate({envelope::Role::camera, request.camera.account(), request.signing_key, now - kDay, end}, key, &authority);
}

static int sign_command(const config::Arguments& arguments) {
  const auto request = read_request(arguments.operands()[2]);
  const auto out = needed(arguments, "out");
  refuse_existing(out);
  const auto certificate = certify(arguments, request, read_certificate(needed(arguments, "authority")));
  commit_file(out, as_bytes(certificate.to_pem()), 0644);
  fmt::print("camera {}: certificate {} until {}\n", request.camera.text(), certificate.fingerprint.hex(), rfc3339(certificate.not_after));
  return 0;
}

// ---- add ------------------------------------------------------------------------------------------------------------------------

// A key that two cameras share would make each able to speak as the other.
static void refuse_known_keys(const registry::Registry& registry, const envelope::Request& request) {
  for (const auto& other : registry.list()) {
    if (registry.authorized_key(other).find(request.ssh_public_key) != std::string::npos)
      throw Error(ErrorKind::data, "the SSH key is that of camera " + other.text());
    for (const auto& signer : server::camera_signers(registry, other))
      if (signer.key.point == request.signing_key) throw Error(ErrorKind::data, "the signing key is that of camera " + other.text());
  }
}

static void set_owner(const Fd& dir, unsigned uid, unsigned gid, mode_t mode, const std::string& where) {
  if (::fchown(dir.get(), uid, gid) != 0 || ::fchmod(dir.get(), mode) != 0) throw_errno("cannot set the owner of", where);
}

// The camera may add to incoming/ and not list it; the daemon (group) reads and unlinks. sshd wants every part of a chroot to be root's.
static unsigned make_drop(const ServerPaths& paths, const CameraId& id, bool private_tree) {
  const auto where = paths.drop + "/" + id.account();
  const auto* account = private_tree ? nullptr : ::getpwnam(id.account().c_str());
  if (!private_tree && !account)
    throw Error(ErrorKind::unknown, "there is no account '" + id.account() + "': useradd -g shutterseal-cameras -d / -s /usr/sbin/nologin " + id.account());
  const auto drop = make_dir_at(open_dir(paths.drop).get(), id.account(), 0755);
  const auto incoming = make_dir_at(drop.get(), "incoming", 0700), receipts = make_dir_at(drop.get(), "receipts", 0700);
  if (!account) return ::geteuid();
  const auto uid = account->pw_uid;
  const auto* daemon = ::getpwnam("shutterseal");
  if (!daemon) throw Error(ErrorKind::config, "there is no account 'shutterseal': run 'shutterseal init' first");
  set_owner(drop, 0, 0, 0755, where);
  set_owner(incoming, uid, daemon->pw_gid, 02370, where);
  set_owner(receipts, daemon->pw_uid, group_id("shutterseal-cameras"), 02750, where);
  return uid;
}

// In a private tree one account receives for all cameras, so the forced command is what keeps each in its own folder.
static std::string key_line(const ServerPaths& paths, const envelope::Request& request, bool private_tree) {
  std::string line = "restrict";
  if (private_tree)
    line += ",command=\"internal-sftp -d " + paths.drop + "/" + request.camera.account() + " -p realpath,open,write,close,rename,read -u 0027\"";
  return line + " " + request.ssh_public_key + " " + request.camera.account() + "\n";
}

static envelope::Certificate certificate_for(const config::Arguments& arguments, const envelope::Request& request,
                                             const envelope::Certificate& authority) {
  if (!arguments.has("certificate")) return certify(arguments, request, authority);
  const auto path = arguments.get("certificate");
  auto certificate = read_certificate(path);
  const auto refuse = [&path](const std::string& why) { throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' " + why); };
  if (!certificate.is_signed_by(authority)) refuse("is not by this server's authority");
  if (certificate.common_name != request.camera.account()) refuse("is for another camera");
  if (certificate.point != request.signing_key) refuse("is for another key than the request's");
  if (certificate.not_after < now_ms()) refuse("has expired");
  return certificate;
}

static envelope::Request request_for(const config::Arguments& arguments, const CameraId& id) {
  const auto path = needed(arguments, "request");
  auto request = read_request(path);
  if (request.camera != id)
    throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' is for camera " + request.camera.text() + ", not " + id.text());
  return request;
}

static int add_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  const registry::Registry registry(paths.cameras);
  const auto id = camera_id(arguments.operands()[2]);
  if (registry.find(id)) throw Error(ErrorKind::cannot_create, "camera " + id.text() + " is enrolled already");
  const auto out = needed(arguments, "out");
  refuse_existing(out);
  const auto request = request_for(arguments, id);
  refuse_known_keys(registry, request);
  const auto certificate = certificate_for(arguments, request, read_certificate(paths.authority));
  registry::Camera camera{.id = id, .enrolled = now_ms(), .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .networks = {}, .services = {}};
  camera.uid = make_drop(paths, id, is_private_tree(arguments));
  const auto content = make_bundle(arguments, camera, certificate);
  registry.enrol(camera, key_line(paths, request, is_private_tree(arguments)), certificate.fingerprint.hex(), certificate.to_pem());
  commit_file(out, content.octets, 0644);
  fmt::print("camera {} is enrolled; {}\n", id.text(), next_step(content, out));
  return 0;
}

static int bundle_command(const config::Arguments& arguments) {
  const auto registry = registry_of(arguments);
  const auto id = camera_id(arguments.operands()[2]);
  auto camera = enrolled_camera(registry, id);
  const auto out = needed(arguments, "out");
  refuse_existing(out);
  const auto files = registry.signing_certificates(id);
  if (files.empty()) throw Error(ErrorKind::config, "camera " + id.text() + " has no certificate");
  auto newest = envelope::Certificate::from_pem(files.front().pem, files.front().path);
  for (const auto& file : files) {
    auto certificate = envelope::Certificate::from_pem(file.pem, file.path);
    if (certificate.not_before > newest.not_before) newest = std::move(certificate);
  }
  ++camera.bundle_serial;
  const auto content = make_bundle(arguments, camera, newest);
  registry.store(camera);  // before the bundle is out: a serial is never used twice
  commit_file(out, content.octets, 0644);
  fmt::print("bundle {} of camera {}; {}\n", camera.bundle_serial, id.text(), next_step(content, out));
  return 0;
}

// ---- list, show, suspend, resume --------------------------------------------------------------------------------------------------

static report::Json to_json(const registry::Camera& camera) {
  report::Json json{{"camera", camera.id.text()}, {"state", state_name(camera.state)}, {"uid", camera.uid},
                    {"enrolled", rfc3339_ms(camera.enrolled)}, {"bundle_serial", camera.bundle_serial}};
  if (!camera.reason.empty()) json["reason"] = camera.reason;
  if (camera.revoked_at) json["revoked_at"] = rfc3339_ms(*camera.revoked_at);
  if (camera.stolen_at) json["stolen_at"] = rfc3339_ms(*camera.stolen_at);
  return json;
}

static int list_command(const config::Arguments& arguments) {
  const auto registry = registry_of(arguments);
  for (const auto& id : registry.list()) {
    const auto camera = enrolled_camera(registry, id);
    if (arguments.has("json"))
      fmt::print("{}\n", report::to_text(to_json(camera)));
    else
      fmt::print("{:<28} {:<9} enrolled {} uid {}\n", id.text(), state_name(camera.state), rfc3339(camera.enrolled), camera.uid);
  }
  return 0;
}

static int show_command(const config::Arguments& arguments) {
  const auto registry = registry_of(arguments);
  const auto id = camera_id(arguments.operands()[2]);
  auto json = to_json(enrolled_camera(registry, id));
  json["ssh_key"] = registry.authorized_key(id);
  for (const auto& file : registry.signing_certificates(id)) {
    const auto certificate = envelope::Certificate::from_pem(file.pem, file.path);
    json["certificates"].push_back({{"fingerprint", certificate.fingerprint.hex()}, {"not_after", rfc3339(certificate.not_after)}});
  }
  if (arguments.has("json")) {
    fmt::print("{}\n", report::to_text(json));
    return 0;
  }
  for (const auto& [key, value] : json.items())
    fmt::print("{}: {}\n", key, value.is_string() ? escape_untrusted(value.get<std::string>(), kLongestSubject) : report::to_text(value));
  return 0;
}

static int change_state(const config::Arguments& arguments, registry::State state, const std::string& reason) {
  const auto registry = registry_of(arguments);
  auto camera = enrolled_camera(registry, camera_id(arguments.operands()[2]));
  if (camera.state == registry::State::revoked) throw Error(ErrorKind::data, "camera " + camera.id.text() + " is revoked: that is final");
  camera.state = state;
  camera.reason = reason;
  registry.store(camera);
  fmt::print("camera {} is {}\n", camera.id.text(), state_name(state));
  return 0;
}

static int suspend_command(const config::Arguments& arguments) { return change_state(arguments, registry::State::suspended, arguments.get("reason")); }
static int resume_command(const config::Arguments& arguments) { return change_state(arguments, registry::State::active, ""); }

std::vector<Command> camera_commands() {
  const config::Option authority_key{"authority-key", "KEY", "the authority's key: sign here and now"};
  const config::Option passphrase{"passphrase-file", "FILE", "the passphrase of that key (mode 0600)"};
  const config::Option registry{"registry", "DIR", "the cameras' registry (default: the server's)"};
  const config::Option out{"out", "FILE", "where the result goes; must not exist"};
  const config::Option days{"days", "N", "how long the certificate is good (default: ten years)"};
  const config::Option json{"json", "", "as JSON"};
  const config::Option authority{"authority", "CERT", "the authority's certificate"};
  return {
      {"camera sign", "REQUEST --authority-key KEY --authority CERT --out CERT", "Certifies a camera's signing key, on the authority's host.",
       {authority_key, authority, passphrase, days, out}, sign_command, 1, 1},
      {"camera add", "ID --request FILE (--certificate CERT | --authority-key KEY) --out BUNDLE",
       "Enrols a camera: registry, drop directory and bundle. Without --authority-key the bundle is a draft for 'bundle sign'.",
       {{"request", "FILE", "the camera's request.pem"}, {"certificate", "CERT", "made by 'camera sign'"}, authority_key, passphrase, days, out},
       add_command, 1, 1},
      {"camera bundle", "ID --out BUNDLE", "Makes a newer bundle for an enrolled camera.", {authority_key, passphrase, registry, out}, bundle_command, 1, 1},
      {"camera list", "", "Lists the cameras.", {registry, json}, list_command, 0, 0},
      {"camera show", "ID", "Shows one camera.", {registry, json}, show_command, 1, 1},
      {"camera suspend", "ID --reason TEXT", "Leaves the camera's drops waiting, unjudged.",
       {{"reason", "TEXT", "why; kept in the registry"}, registry}, suspend_command, 1, 1},
      {"camera resume", "ID", "Ends a suspension.", {registry}, resume_command, 1, 1},
  };
}

}  // namespace shutterseal::custody
