// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/intake.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

namespace shutterseal::ingestd {

static constexpr std::size_t kPage = 1024;
static constexpr std::size_t kMostComplaints = 10'000;
static constexpr const char* kCannotRemove = "cannot-remove";
static constexpr const char* kCannotTake = "cannot-take";
static constexpr std::int64_t kMinute = 60'000;
static constexpr auto kSecondLook = std::chrono::milliseconds(20);

std::string incoming_path(const ServerPaths& paths, const CameraId& camera) { return paths.drop + "/" + camera.account() + "/incoming"; }

std::string held_path(const ServerPaths& paths, const CameraId& camera) { return paths.drop + "/" + camera.account() + "/" + kHeldFolder; }

static constexpr std::string_view kPart = ".part";

std::string part_name(const std::string& drop) { return "." + drop + std::string(kPart); }

// Still the second name of a drop that waits: removing it would change the time since when that is had. It goes with the drop.
static bool belongs_to_drop(int dir, const std::string& name, const struct stat& info) {
  if (info.st_nlink < 2 || !name.ends_with(kPart) || name.size() < kPart.size() + 2) return false;
  struct stat drop {};
  const auto drop_name = name.substr(1, name.size() - 1 - kPart.size());
  return !drop_name.starts_with('.') && ::fstatat(dir, drop_name.c_str(), &drop, AT_SYMLINK_NOFOLLOW) == 0 && drop.st_ino == info.st_ino && drop.st_dev == info.st_dev;
}

void Intake::remove_if_old(const Turn& turn, const std::string& name) {
  const int dir = turn.incoming.get();
  struct stat info {};
  if (::fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) return;
  if (now_ms() - mtime_ms(info) <= context_.settings.part_age_ms || belongs_to_drop(dir, name, info)) return;
  // One that cannot be removed keeps nothing else waiting.
  if (::unlinkat(dir, name.c_str(), 0) != 0 && errno != ENOENT) complain_once(turn.camera.id, name, kCannotRemove);
}

std::optional<Intake::Turn> Intake::begin(const CameraId& id) {
  auto camera = registry_.find(id);
  if (!camera) return std::nullopt;
  if (leaves_drops_waiting(camera->state)) {
    complain_once(id, "", state_name(camera->state).data());
    return std::nullopt;
  }
  // Without held/ (a server of an older version) nothing is in it.
  Fd held(::open(held_path(context_.paths, id).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!held && errno != ENOENT) complain_once(id, kHeldFolder, "unreadable");
  return Turn{std::move(*camera), open_dir(incoming_path(context_.paths, id)), std::move(held)};
}

std::vector<std::string> Intake::names(const Turn& turn, Place place) {
  auto& page = pages_[{turn.camera.id, place}];
  page.end = page.begin;
  std::vector<std::string> found;
  for (auto& name : list_some(turn.dir(place), page.end, kPage)) {
    if (!name.starts_with('.')) {
      found.push_back(std::move(name));
    } else if (place == Place::incoming) {
      remove_if_old(turn, name);  // never finished, never judged, and the camera still has what was cut
    }
  }
  // An alarm says so in its name: a hint, by which a camera can overtake nobody but itself.
  const auto is_alarm = [place](const std::string& name) {
    const auto held = place == Place::held ? parse_held(name) : std::nullopt;
    return (held ? held->name : name).starts_with("alarm-");
  };
  const auto rank = [&](const std::string& name) { return std::pair<bool, std::string_view>(!is_alarm(name), name); };
  std::sort(found.begin(), found.end(), [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  return found;
}

bool Intake::turn_page(const CameraId& camera, Place place) {
  const auto page = pages_.find({camera, place});
  if (page == pages_.end()) return false;
  page->second.begin = page->second.end;
  if (page->second.begin != 0) return true;
  pages_.erase(page);
  return false;
}

static std::string complaint(const CameraId& camera, const std::string& name, const char* why) { return camera.text() + "/" + why + "/" + name; }

bool Intake::has_complained(const CameraId& camera, const std::string& name, const char* why) const {
  return complained_.contains(complaint(camera, name, why));
}

void Intake::complain_once(const CameraId& camera, const std::string& name, const char* why) {
  if (complained_.size() >= kMostComplaints) complained_.clear();
  if (complained_.insert(complaint(camera, name, why)).second)
    log_.warning(LogLine("waiting").field("camera", camera.text()).field("reason", why).untrusted("file", name));
}

void Intake::refuse_thing(const CameraId& camera, int dir, const std::string& name, const struct stat& info, Verdict verdict, const std::string& why) {
  // What could be neither moved nor removed is described once, not at each look.
  if (has_complained(camera, name, kCannotRemove)) return;
  if (!things_.take(dir, camera, name, info, std::string(verdict_name(verdict)) + ": " + why) && ::unlinkat(dir, name.c_str(), S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) != 0)
    return complain_once(camera, name, kCannotRemove);
  log_.warning(LogLine("refused").field("camera", camera.text()).field("verdict", verdict_name(verdict)).untrusted("file", name));
}

// A plain SFTP rename is link and unlink: for a moment the file has two names, and sshd is given it. Should it be killed in between, the second name
// stays: the upload's own .part, which goes with the drop once that is settled, because removing it sets the change time by which the drop was had
// before a theft. Other second names do no harm: the octets are copied before they are judged.
static void wait_for_rename(const struct stat& info) {
  if (info.st_nlink >= 2) std::this_thread::sleep_for(kSecondLook);
}

std::optional<Unjudged> Intake::look_at(const registry::Camera& camera, const struct stat& info) const {
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (info.st_uid != camera.uid) return Unjudged{Verdict::not_a_file, "belongs to uid " + std::to_string(info.st_uid), size, change_ms(info)};
  if (size > context_.settings.drop_limit) return Unjudged{Verdict::too_large, std::to_string(size) + " octets", size, change_ms(info)};
  return std::nullopt;
}

bool Intake::may_read(const CameraId& camera, std::uint64_t octets) {
  auto& read = read_[camera];
  if (monotonic_ms() - read.since > kMinute) read = {monotonic_ms(), 0};
  if (read.octets + octets > kMostDigested) return false;
  read.octets += octets;
  return true;
}

std::optional<Drop> Intake::open(const Turn& turn, Place place, const std::string& name) {
  const auto& id = turn.camera.id;
  const int dir = turn.dir(place);
  auto file = open_hostile(dir, name);
  if (file.problem == HostileProblem::vanished) return std::nullopt;
  if (file.problem == HostileProblem::unreadable || file.problem == HostileProblem::broken) {
    complain_once(id, name, "unreadable");
    return std::nullopt;
  }
  if (file.problem == HostileProblem::not_regular) {
    refuse_thing(id, dir, name, file.info, Verdict::not_a_file, "no file");
    return std::nullopt;
  }
  auto unjudged = look_at(turn.camera, file.info);
  if (unjudged && unjudged->size > kMostDigested) {
    refuse_thing(id, dir, name, file.info, unjudged->verdict, unjudged->why);
    return std::nullopt;
  }
  if (unjudged && !may_read(id, unjudged->size)) {
    complain_once(id, name, "slowed");
    return std::nullopt;
  }
  wait_for_rename(file.info);
  const auto in_memory = unjudged ? 0 : static_cast<std::uint64_t>(file.info.st_size);
  Drop drop{id, name, now_ms(), file.info.st_dev, file.info.st_ino, in_memory, std::move(file.fd), turn.camera.state == registry::State::revoked};
  drop.unjudged = std::move(unjudged);
  drop.is_held = place == Place::held;
  return drop;
}

// One that cannot be taken, nor put aside, keeps no other waiting.
std::optional<Drop> Intake::take(const Turn& turn, Place place, const std::string& name) {
  try {
    return open(turn, place, name);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system) throw;  // no descriptor left
    if (!has_complained(turn.camera.id, name, kCannotTake)) log_.error(LogLine("trouble").field("camera", turn.camera.id.text()).sentence("reason", error.what()));
    complain_once(turn.camera.id, name, kCannotTake);
    return std::nullopt;
  }
}

}  // namespace shutterseal::ingestd
