// SPDX-License-Identifier: Apache-2.0
// camera list, show, seen-at, suspend, resume, set, password, remove, repair: what happens to a camera after its enrolment.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/custody/places.h"
#include "src/registry/logins.h"
#include "src/registry/password.h"
#include "src/report/json.h"
#include "src/server/heard.h"
#include "src/server/trust.h"
#include "src/server/waiting.h"

namespace shutterseal::custody {

// ---- list, show -------------------------------------------------------------------------------------------------------------------

static report::Json to_json(const registry::Camera& camera) {
  report::Json json{{"camera", camera.id.text()}, {"state", state_name(camera.state)}, {"uid", camera.uid},
                    {"enrolled", rfc3339_ms(camera.enrolled)}, {"bundle_serial", camera.bundle_serial}};
  if (!camera.reason.empty()) json["reason"] = camera.reason;
  if (camera.revoked_at) json["revoked_at"] = rfc3339_ms(*camera.revoked_at);
  if (camera.stolen_at) json["stolen_at"] = rfc3339_ms(*camera.stolen_at);
  if (camera.expires) json["expires"] = rfc3339(*camera.expires);
  if (camera.grace != registry::kDefaultGrace) json["grace_seconds"] = camera.grace / 1000;
  if (!camera.networks.empty()) json["networks"] = registry::networks_text(camera);
  if (!camera.services.empty()) json["services"] = registry::services_text(camera);
  return json;
}

// What the daemon noted. Whether a camera is silent is the daemon's word: only it knows since when it listens.
static std::optional<server::Heard> heard_of(const config::Arguments& arguments, const CameraId& id) {
  return server::HeardFiles(paths_of(arguments).heard).find(id);
}

static void add_heard(report::Json& json, const std::optional<server::Heard>& heard) {
  if (!heard) return;
  json["heard"] = rfc3339_ms(heard->last);
  if (heard->interval_ms != 0) json["heartbeat_seconds"] = heard->interval_ms / 1000;
  if (heard->silent_since) json["silent_since"] = rfc3339_ms(*heard->silent_since);
}

static std::string heard_text(const std::optional<server::Heard>& heard) {
  if (!heard) return "";
  return heard->silent_since ? " silent since " + rfc3339(*heard->silent_since) : " heard " + rfc3339(heard->last);
}

static std::string waits_text(const server::Waiting& waiting, const CameraId& id) {
  const auto at = waiting.find(id);
  return at == waiting.end() ? "" : " waits: " + at->second;
}

static void add_waits(report::Json& json, const server::Waiting& waiting, const CameraId& id) {
  if (const auto at = waiting.find(id); at != waiting.end()) json["waits"] = at->second;
}

static void list_one(const config::Arguments& arguments, const registry::Registry& registry, const server::Waiting& waiting, const CameraId& id) {
  const auto camera = enrolled_camera(registry, id);
  const auto heard = heard_of(arguments, id);
  if (arguments.has("json")) {
    auto json = to_json(camera);
    add_heard(json, heard);
    add_waits(json, waiting, id);
    say("{}\n", report::to_text(json));
  } else {
    say("{:<28} {:<9} enrolled {} uid {}{}{}\n", id.text(), state_name(camera.state), rfc3339(camera.enrolled), camera.uid, heard_text(heard), waits_text(waiting, id));
  }
}

// One broken folder hides no other camera.
static int list_command(const config::Arguments& arguments) {
  const auto registry = registry_of(arguments);
  const auto waiting = server::read_waiting(paths_of(arguments).waiting);
  bool all = true;
  for (const auto& id : registry.list()) {
    try {
      list_one(arguments, registry, waiting, id);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cannot_create || error.kind() == ErrorKind::io) throw;  // of what is said
      all = false;
      if (arguments.has("json"))
        say("{}\n", report::to_text(report::Json{{"camera", id.text()}, {"broken", error.what()}}));
      else
        say("{:<28} broken: {}\n", id.text(), error.what());
    }
  }
  return all ? 0 : 1;
}

static int show_command(const config::Arguments& arguments) {
  const auto registry = registry_of(arguments);
  const auto id = camera_id(arguments.operands()[2]);
  auto json = to_json(enrolled_camera(registry, id));
  add_heard(json, heard_of(arguments, id));
  add_waits(json, server::read_waiting(paths_of(arguments).waiting), id);
  json["ssh_key"] = registry.authorized_key(id);
  for (const auto& file : registry.signing_certificates(id)) {
    const auto certificate = envelope::Certificate::from_pem(file.content, file.path);
    json["certificates"].push_back({{"fingerprint", certificate.fingerprint.hex()}, {"not_after", rfc3339(certificate.not_after)}});
  }
  if (arguments.has("json")) {
    say("{}\n", report::to_text(json));
    return 0;
  }
  for (const auto& [key, value] : json.items())
    say("{}: {}\n", key, value.is_string() ? escape_untrusted(value.get<std::string>(), kLongestSubject) : report::to_text(value));
  return 0;
}

// For fail2ban's ignorecommand. An address of a stolen or suspended camera alone is nobody's to protect.
static int seen_command(const config::Arguments& arguments) {
  const auto address = registry::Address::parse(arguments.operands()[2]);
  if (!address) throw Error(ErrorKind::usage, "'" + escape_untrusted(arguments.operands()[2]) + "' is no address");
  const auto within = parse_duration_ms(arguments.get("within", "1d"));
  if (!within) throw Error(ErrorKind::usage, "--within is a time such as 90m or 1d");
  const auto registry = registry_of(arguments);
  bool any = false;
  for (const auto& id : registry::Logins(paths_of(arguments).logins).seen_at(*address, now_ms() - *within)) {
    const auto camera = registry.find(id);
    if (!camera || camera->state != registry::State::active) continue;
    say("{}\n", id.text());
    any = true;
  }
  return any ? 0 : 1;
}

// ---- changing ---------------------------------------------------------------------------------------------------------------------

static registry::Camera change(const registry::Registry& registry, const std::string& id, const std::function<void(registry::Camera&)>& how) {
  return registry.update(camera_id(id), [&](registry::Camera& camera) {
    refuse_final(camera);
    how(camera);
  });
}

static int change_state(const config::Arguments& arguments, registry::State state, const std::string& reason) {
  const auto camera = change(registry_of(arguments), arguments.operands()[2], [&](registry::Camera& one) {
    one.state = state;
    one.reason = reason;
  });
  // A session that was let in before would go on as long as it likes.
  if (state == registry::State::suspended && !is_private_tree(arguments) && !arguments.has("registry")) end_sessions(camera.id);
  say("camera {} is {}\n", camera.id.text(), state_name(state));
  return 0;
}

static int suspend_command(const config::Arguments& arguments) { return change_state(arguments, registry::State::suspended, arguments.get("reason")); }
static int resume_command(const config::Arguments& arguments) { return change_state(arguments, registry::State::active, ""); }

// An empty list takes the restriction away.
static int set_command(const config::Arguments& arguments) {
  if (!arguments.has("networks") && !arguments.has("services") && !arguments.has("grace"))
    throw Error(ErrorKind::usage, "--networks, --services or --grace is needed (see --help)");
  const auto grace = arguments.has("grace") ? parse_duration_ms(arguments.get("grace")) : std::optional<std::int64_t>();
  if (arguments.has("grace") && (!grace || *grace > registry::kLongestGrace)) throw Error(ErrorKind::usage, "--grace is a time such as 90d, at most 3650d");
  const auto networks = registry::parse_networks(arguments.get("networks"), [](std::string_view word) {
    throw Error(ErrorKind::usage, "'" + escape_untrusted(word) + "' is no network such as 198.51.100.0/24 or 2001:db8::/32");
  });
  const auto services = registry::parse_services(arguments.get("services"), [](std::string_view word) {
    throw Error(ErrorKind::usage, "'" + escape_untrusted(word) + "' is no PAM service's name");
  });
  const auto camera = change(registry_of(arguments), arguments.operands()[2], [&](registry::Camera& one) {
    if (arguments.has("networks")) one.networks = networks;
    if (arguments.has("services")) one.services = services;
    if (grace) one.grace = *grace;
  });
  say("camera {} may log in from {} through {}, {} seconds after its certificate's end at most\n", camera.id.text(), camera.networks.empty() ? "anywhere" : registry::networks_text(camera),
             camera.services.empty() ? "any service" : registry::services_text(camera), camera.grace / 1000);
  return 0;
}

// Either somebody's choice, in a file, or a random one, into a file: never on a command line, a terminal or in a log.
static int password_command(const config::Arguments& arguments) {
  const auto registry = registry_of(arguments);
  const auto camera = enrolled_camera(registry, camera_id(arguments.operands()[2]));
  refuse_final(camera);
  if (arguments.has("password-file") == arguments.has("out")) throw Error(ErrorKind::usage, "either --password-file or --out is needed (see --help)");
  if (arguments.has("out")) refuse_existing(arguments.get("out"));
  const auto password = arguments.has("out") ? registry::random_password() : read_secret_file(arguments.get("password-file"));
  if (!registry::is_acceptable_password(password.view()))
    throw Error(ErrorKind::data, "a password is 1 to " + std::to_string(registry::kLongestPassword) + " octets of UTF-8 without control characters");
  if (arguments.has("out")) commit_file(arguments.get("out"), as_bytes(password.view()), 0600);
  try {
    registry.set_password(camera.id, registry::hash_password(password));
  } catch (const Error&) {
    if (arguments.has("out")) static_cast<void>(::unlink(arguments.get("out").c_str()));  // it opens nothing
    throw;
  }
  say("camera {} has a new password\n", camera.id.text());
  return 0;
}

// ---- remove, repair ---------------------------------------------------------------------------------------------------------------

// Names without a dot are parcels, and evidence is never deleted; what begins with one was never finished.
static void refuse_waiting_drops(const std::string& drop, const CameraId& id) {
  for (const auto& dir : {drop + "/incoming", drop + "/" + kHeldFolder}) {
    if (!exists(dir)) continue;
    const auto names = list_dir(open_dir(dir).get());
    if (std::any_of(names.begin(), names.end(), [](const auto& name) { return !name.starts_with('.'); }))
      throw Error(ErrorKind::temporary, "drops of camera " + id.text() + " are waiting: let the daemon take them first, or move them out of '" + dir + "'");
  }
}

// Not revoked: what it sent stays as good as it was. The account and the certificates stay, so that neither uid nor id is ever another's.
// Cut anywhere, the same command goes on where it stood.
static int remove_command(const config::Arguments& arguments) {
  const auto registry = registry_of(arguments);
  const auto id = enrolled_camera(registry, camera_id(arguments.operands()[2])).id;
  const auto parent = paths_of(arguments).drop, drop = parent + "/" + id.account();
  refuse_waiting_drops(drop, id);
  const auto camera = registry.update(id, [&](registry::Camera& one) {  // first: from here on it cannot log in
    if (one.state == registry::State::revoked) refuse_final(one);
    if (one.state != registry::State::removed) one.reason = arguments.get("reason");
    one.state = registry::State::removed;
  });
  if (!is_private_tree(arguments)) end_sessions(id);
  registry.forget_logins(id);
  refuse_waiting_drops(drop, id);  // what came in between the two
  if (exists(drop)) remove_tree(open_dir(parent).get(), id.account());
  say("camera {} is removed; its uid {} stays reserved, and its evidence and certificates stay\n", id.text(), camera.uid);
  return 0;
}

static unsigned repair_places(const std::vector<Place>& places, bool private_tree) {
  unsigned mended = 0;
  for (const auto& place : places) {
    const auto fault = fault_of(place, private_tree);
    if (fault.empty()) continue;
    put_right(place, private_tree);
    say("{}: {}: mended\n", escape_untrusted(place.path, kLongestSubject), fault);
    ++mended;
  }
  return mended;
}

// Removed and revoked cameras keep account and certificates and get no drop directory back.
static unsigned repair_camera(const ServerPaths& paths, const Owners& owners, const registry::Registry& registry, const CameraId& id) {
  const auto folder = registry_places(paths, owners, registry, id);
  unsigned mended = repair_places(folder, owners.private_tree);  // first: a registry that others can write to is not even read
  const auto camera = enrolled_camera(registry, id);
  const bool lost = !owners.private_tree && !find_account(id.account());
  if (!owners.private_tree) ensure_camera_account(id, camera.uid);
  if (lost) say("account {}: was missing: mended\n", id.account());
  mended += lost ? 1 : 0;
  if (is_final(camera.state)) return mended;
  return mended + repair_places(drop_places(paths, owners, id, camera.uid), owners.private_tree);
}

static int repair_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  const registry::Registry registry(paths.cameras);
  const auto owners = server_owners(is_private_tree(arguments));
  unsigned mended = repair_places(server_places(paths, owners), owners.private_tree);
  std::vector<CameraId> ids;
  if (arguments.operands().size() == 3)
    ids.push_back(camera_id(arguments.operands()[2]));
  else
    ids = registry.list();
  for (const auto& id : ids) mended += repair_camera(paths, owners, registry, id);
  say("{} mended in {} camera{}\n", mended, ids.size(), ids.size() == 1 ? "" : "s");
  return 0;
}

std::vector<Command> camera_commands() {
  const config::Option registry{"registry", "DIR", "the cameras' registry (default: the server's)"};
  const config::Option json{"json", "", "as JSON"};
  const config::Option reason{"reason", "TEXT", "why; kept in the registry"};
  return {
      {"camera list", "", "Lists the cameras.", {registry, json}, list_command, 0, 0},
      {"camera show", "ID", "Shows one camera.", {registry, json}, show_command, 1, 1},
      {"camera seen-at", "ADDRESS", "Lists the active cameras that logged in from an address, of IPv6 from its /64; 1 when there is none.",
       {{"within", "TIME", "how long ago at most (default: 1d)"}, registry}, seen_command, 1, 1},
      {"camera suspend", "ID --reason TEXT", "No login; the camera's drops are left waiting, unjudged.", {reason, registry}, suspend_command, 1, 1},
      {"camera resume", "ID", "Ends a suspension.", {registry}, resume_command, 1, 1},
      {"camera set", "ID [--networks LIST] [--services LIST] [--grace TIME]",
       "Says where a camera may log in from, through which PAM services, and how long after its certificate's end.",
       {{"networks", "LIST", "\"198.51.100.0/24 2001:db8::/32\"; \"\": anywhere"},
        {"services", "LIST", "\"shutterseal-sshd shutterseal-ftp\"; \"\": any"},
        {"grace", "TIME", "90d unless said; 0s: none"}, registry},
       set_command, 1, 1},
      {"camera password", "ID (--password-file FILE | --out FILE)", "Gives a camera a password, for FTPS.",
       {{"password-file", "FILE", "the password (mode 0600)"}, {"out", "FILE", "make a random one and write it here"}, registry}, password_command, 1, 1},
      {"camera remove", "ID --reason TEXT", "Ends a camera's service; its uid stays reserved, its evidence and certificates stay.", {reason}, remove_command, 1, 1},
      {"camera repair", "[ID]", "Puts accounts, owners and modes right that have drifted.", {}, repair_command, 0, 1},
  };
}

}  // namespace shutterseal::custody
