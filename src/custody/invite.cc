// SPDX-License-Identifier: Apache-2.0
// camera invite, withdraw: who may enrol by one line.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/custody/invitations.h"
#include "src/envelope/invitation.h"

namespace shutterseal::custody {

static constexpr std::int64_t kLongestLife = 30 * kDay;
static constexpr std::size_t kLargestList = 64 * 1024 * 1024;

// ---- invite -----------------------------------------------------------------------------------------------------------------------------

// The first field of each line, so that the same file serves as a list of places, owners and the like.
static std::vector<CameraId> listed_cameras(const std::string& path) {
  const auto content = read_file(path, kLargestList);
  std::vector<CameraId> ids;
  std::set<CameraId> seen;
  std::size_t number = 0;
  for (auto line : split(as_text(content), '\n')) {
    ++number;
    line = line.substr(0, line.find_first_of(",\r"));
    if (line.empty() || line.starts_with('#')) continue;
    const auto id = CameraId::parse(line);
    if (!id || !seen.insert(*id).second)
      throw Error(ErrorKind::data, escape_untrusted(path, kLongestSubject) + ":" + std::to_string(number) + ": '" + escape_untrusted(line) + "' is " +
                                       (id ? "there twice" : "no camera id"));
    ids.push_back(*id);
  }
  return ids;
}

static std::vector<CameraId> invited_cameras(const config::Arguments& arguments) {
  const bool one = arguments.operands().size() == 3;
  if (one == arguments.has("csv")) throw Error(ErrorKind::usage, "either a camera's id or --csv is needed (see --help)");
  return one ? std::vector{camera_id(arguments.operands()[2])} : listed_cameras(arguments.get("csv"));
}

// What every line of a call shares.
static envelope::Invitation template_of(const ServerPaths& paths, const CameraId& any) {
  const auto profile = registry::read_server_profile(paths.server_conf);
  envelope::Invitation invitation{any, "", read_certificate(paths.authority).fingerprint, {}, profile.host_key_pins};
  std::copy_if(profile.urls.begin(), profile.urls.end(), std::back_inserter(invitation.urls), [](const auto& url) { return url.starts_with("sftp://"); });
  if (invitation.urls.empty()) throw Error(ErrorKind::config, "'" + paths.server_conf + "' has no sftp:// URL: invitations need one");
  return invitation;
}

struct Invites {
  std::vector<Invited> records;
  std::string lines;  // the only copy of the tokens
};

static Invites make_invites(const ServerPaths& paths, const std::vector<CameraId>& ids, std::int64_t life) {
  auto invitation = template_of(paths, ids.front());
  const auto until = now_ms() + life;
  Invites made;
  for (const auto& id : ids) {
    invitation.camera = id;
    invitation.token = envelope::new_token();
    const auto key = envelope::normal_ssh_public_key(envelope::key_of_token(invitation.token).ssh_public_key(""));
    made.records.push_back({id, envelope::token_hash(invitation.token), key.value(), until, until, std::nullopt});
    made.lines += envelope::invitation_line(invitation) + "\n";
    if (made.lines.size() / made.records.size() > envelope::kLongestInvitation) throw Error(ErrorKind::config, "the URLs of '" + paths.server_conf + "' are too long for a line");
  }
  return made;
}

// A line that nobody can read any more must not take the place of one that somebody has: so it is out before it counts. And before the lock, because
// its reader may be a pager.
static void hand_out(const config::Arguments& arguments, const std::string& lines) {
  if (arguments.has("out")) return commit_file(arguments.get("out"), as_bytes(lines), 0600);
  put_out(lines);
  deliver();
}

static void put_invites(const config::Arguments& arguments, const ServerPaths& paths, const std::vector<Invited>& records) {
  try {
    Invitations(paths, is_private_tree(arguments)).put(records);
  } catch (const Error& error) {
    if (arguments.has("out")) static_cast<void>(::unlink(arguments.get("out").c_str()));
    throw Error(error.kind(), std::string(error.what()) + ": nobody is invited" + (arguments.has("out") ? "" : ", and what was printed is worth nothing"));
  }
}

static int invite_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  const auto ids = invited_cameras(arguments);
  const auto life = parse_duration_ms(arguments.get("life", "24h"));
  if (!life || *life < 1000 || *life > kLongestLife) throw Error(ErrorKind::usage, "--life is a time from 1s to 30d");
  if (arguments.has("out")) refuse_existing(arguments.get("out"));
  const registry::Registry registry(paths.cameras);
  for (const auto& id : ids)
    if (registry.find(id)) throw Error(ErrorKind::cannot_create, "camera " + id.text() + " is enrolled already");
  if (ids.empty()) return 0;
  Invitations::make_places(paths, is_private_tree(arguments));  // what it says of a host without a server comes before a line
  const auto made = make_invites(paths, ids, *life);
  hand_out(arguments, made.lines);
  put_invites(arguments, paths, made.records);
  return 0;
}

// What the camera is then; empty: not enrolled.
static std::string suspend(const config::Arguments& arguments, const registry::Registry& registry, const CameraId& id) {
  auto camera = registry.find(id);
  if (!camera) return {};
  if (camera->state == registry::State::active) {
    camera = registry.update(id, [](registry::Camera& one) {
      if (one.state != registry::State::active) return;
      one.state = registry::State::suspended;
      one.reason = "its invitation was withdrawn";
    });
  }
  if (camera->state == registry::State::suspended && !is_private_tree(arguments)) end_sessions(id);
  return std::string(registry::state_name(camera->state));
}

// A camera that was enrolled by it is suspended: of two that knew one token nobody can say which is the right one, until a person has looked. First
// of all, before anything that may wait or fail; and again when nobody else enrols, because it may have been enrolled meanwhile.
static int withdraw_command(const config::Arguments& arguments) {
  const auto id = camera_id(arguments.operands()[2]);
  const auto paths = paths_of(arguments);
  const registry::Registry registry(paths.cameras);
  std::string state;
  std::optional<Error> trouble;
  const auto try_to_suspend = [&] {
    trouble.reset();
    try {
      state = suspend(arguments, registry, id);
    } catch (const Error& error) {  // said below: it must not keep the invitation alive
      trouble = error;
    }
  };
  try_to_suspend();
  const Invitations invitations(paths, is_private_tree(arguments));
  try_to_suspend();
  const bool invited = invitations.withdraw(id);
  if (trouble) throw Error(*trouble);
  if (!invited && state.empty()) throw Error(ErrorKind::unknown, "camera " + id.text() + " is neither invited nor enrolled");
  say("the invitation of camera {} is withdrawn{}\n", id.text(), state.empty() ? "" : ", and the camera is " + state);
  return 0;
}

std::vector<Command> invitation_commands() {
  return {{"camera invite", "(ID | --csv FILE) [--life TIME] [--out FILE]", "Prints one line that lets a new camera enrol by itself: shutterseal-upload join.",
           {{"life", "TIME", "until when its request must have come (default: 24h)"},
            {"csv", "FILE", "many cameras: the first field of each line is the id"},
            {"out", "FILE", "write the lines here (mode 0600) instead"}},
           invite_command, 0, 1},
          {"camera withdraw", "ID", "Takes an invitation back.", {}, withdraw_command, 1, 1}};
}

}  // namespace shutterseal::custody
