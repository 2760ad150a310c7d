// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/capture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>
#include <utility>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/uploader/jpeg.h"

namespace shutterseal::uploader {

static constexpr std::size_t kLongestOriginal = 200;
static constexpr std::size_t kMostOthers = 20'000;        // remembered; more are opened at each look
static constexpr std::size_t kHead = 3;

static std::int64_t changed_ns(const struct stat& info) { return static_cast<std::int64_t>(info.st_ctim.tv_sec) * 1'000'000'000 + info.st_ctim.tv_nsec; }

Capture::Capture(const UploadSettings& settings, const std::string& state_dir, Troubles& troubles)
    : settings_(settings),
      troubles_(troubles),
      ignored_(settings.ignore),
      place_(settings.capture_dir),
      finished_(settings.picture_limit),
      rejected_(state_dir + "/rejected", settings.rejected_limit) {}

// ---- the place -------------------------------------------------------------------------------------------------------------------

void Capture::open() {
  place_.open();
  rejected_.lies_in(place_.rejected());
  others_.clear();
  emptied_.clear();
  stays_.clear();
  if (!place_.is_there()) return;
  std::erase_if(sealed_, [&](const std::string& name) { return ::unlinkat(place_.claimed(), name.c_str(), 0) == 0 || errno == ENOENT; });
}

void Capture::look_at_rejected() {
  place_.mend_rejected();
  rejected_.lies_in(place_.rejected());
  if (place_.is_there() && !place_.has_rejected()) troubles_.note(Looking::at_place, "rejected-dir missing", path() + "/" + kRejectedFolder);
}

// ---- what lies there -----------------------------------------------------------------------------------------------------------------

void Capture::walk(const std::function<void(const TreeEntry&)>& file) {
  walk_tree(place_.dir(), settings_.capture_depth, ignored_,
            {.file = file,
             .folder = [this](const std::string& path) { folders_.push_back(path); },
             .ignored = [this] { ++counts_.ignored; },
             .trouble = [this](const std::string& path, const std::string& reason) { leave(path, reason); }});
}

void Capture::leave(const std::string& path, const std::string& reason) {
  ++counts_.left;
  troubles_.note(Looking::at_files, reason, path);
}

bool Capture::is_known_other(const TreeEntry& entry) const {
  const auto known = others_.find(entry.path);
  return known != others_.end() && known->second.inode == entry.info.st_ino && known->second.changed_ns == changed_ns(entry.info);
}

// Who takes pictures in another format is told that none of them arrives; what is plainly something else is nobody's trouble.
void Capture::note_other(const TreeEntry& entry) {
  ++counts_.others;
  if (others_.size() < kMostOthers || others_.contains(entry.path)) others_[entry.path] = {entry.info.st_ino, changed_ns(entry.info)};
  const auto suffix = other_picture_suffix(entry.name);
  if (!suffix.empty()) troubles_.note(Looking::at_files, "no-jpeg", "*" + suffix, Weight::told);
}

static bool begins_as_jpeg(const HostileFile& file) {
  std::uint8_t head[kHead];
  return ::pread(file.fd.get(), head, kHead, 0) == static_cast<ssize_t>(kHead) && is_jpeg_start({head, kHead});
}

// By its name a picture: judged. By its content, too, but only if the name does not say otherwise.
void Capture::weigh(const TreeEntry& entry, std::vector<Candidate>& finished) {
  const bool by_name = is_picture_name(entry.name);
  if (!by_name && is_known_other(entry)) return note_other(entry);
  const auto file = open_hostile(entry.dir, entry.name);
  switch (file.problem) {
    case HostileProblem::vanished: return;
    case HostileProblem::not_regular: ++counts_.others; return;  // motion's link to its last picture, for one
    case HostileProblem::unreadable: return by_name || has_no_suffix(entry.name) ? leave(entry.path, "unreadable") : note_other(entry);
    case HostileProblem::broken: return by_name ? weigh_broken(entry, file.error) : leave(entry.path, "unreadable");
    case HostileProblem::none: break;
  }
  const bool looks_so = by_name || begins_as_jpeg(file);
  if (!looks_so && !settings_.reject_all) return note_other(entry);
  weigh_finish(entry, file, looks_so, finished);
}

void Capture::weigh_finish(const TreeEntry& entry, const HostileFile& file, bool looks_so, std::vector<Candidate>& finished) {
  const auto finish = finished_.judge(file);
  if (finish == Finish::untold) ++counts_.untold;
  if (finish == Finish::forgotten) return leave(entry.path, "still open");
  if (finish == Finish::young || finish == Finish::untold || finish == Finish::held) {
    ++counts_.young;
    return;
  }
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  if (finish == Finish::whole && size <= settings_.picture_limit) {
    finished.push_back({mtime_ms(file.info), entry.folder, entry.name, entry.path});
    return;
  }
  if (size == 0) return put_aside(entry, "empty", &file.info);
  if (size > settings_.picture_limit) return put_aside(entry, "larger than picture-limit", nullptr);
  put_aside(entry, looks_so && begins_as_jpeg(file) ? kCutShort : "no JPEG", &file.info);
}

static bool is_damage(int error) { return error == EUCLEAN || error == EBADMSG || error == EIO; }

// What the disk has lost is put aside and stated. An inode that is damaged cannot be moved either, as a rule: then it stays, and is stated all the same.
void Capture::weigh_broken(const TreeEntry& entry, int error) {
  if (!is_damage(error)) return leave(entry.path, "unreadable");
  const auto moved = rejected_.take(entry.dir, entry.name, entry.name, next_claim_name(entry.name), nullptr);
  if (!moved.empty()) {
    judged_.rejected.push_back(moved + ": the disk cannot read it");
    return;
  }
  ++counts_.left;
  if (troubles_.note(Looking::at_files, "damaged", entry.path, Weight::told)) ++judged_.damaged;
}

void Capture::put_aside(const TreeEntry& entry, const std::string& reason, const struct stat* growing) {
  const auto moved = rejected_.take(entry.dir, entry.name, entry.name.substr(0, kLongestOriginal), next_claim_name(entry.name), growing);
  if (moved.empty()) return leave(entry.path, "not rejectable");
  judged_.rejected.push_back(moved + ": " + reason);
  if (!entry.folder.empty()) emptied_.insert(entry.folder);
}

// ---- taking -----------------------------------------------------------------------------------------------------------------------------

// In order, and never the same twice.
std::string Capture::next_claim_name(const std::string& name) {
  static TimeMs last = 0;
  last = std::max(last + 1, now_ms() * 1000);
  return std::to_string(last) + "+" + name.substr(0, kLongestOriginal);
}

static Fd open_folder(int top, const std::string& folder) {
  Fd dir(::openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.empty()) return dir;
  for (const auto part : split(folder, '/'))
    if (dir) dir = Fd(::openat(dir.get(), std::string(part).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return dir;
}

// Empty: it was not taken. What went away meanwhile is not ours; what cannot be moved (a mount point, a foreign file in a sticky directory) is left and said.
std::string Capture::claim(const Candidate& one) {
  const auto folder = open_folder(place_.dir(), one.folder);
  if (!folder) return {};
  const auto own = next_claim_name(one.name);
  const auto moved = rename_new(folder.get(), one.name, place_.claimed(), own);
  looks_first_ = looks_first_ || moved.by_looking;
  if (moved.error == ENOENT) return {};
  if (moved.error != 0) {
    leave(one.path, "not movable");
    return {};
  }
  if (!one.folder.empty()) emptied_.insert(one.folder);
  return own;
}

// A transfer had only stalled. Whole now, it is taken like any other; not yet, it is left to grow.
void Capture::claim_grown(std::vector<std::string>& claimed) {
  for (const auto& name : rejected_.changed()) {
    const auto file = open_hostile(place_.rejected(), name);
    if (file.problem != HostileProblem::none) continue;
    const auto finish = finished_.judge(file);
    if (finish == Finish::untold || finish == Finish::young || finish == Finish::held) ++counts_.young;
    if (finish == Finish::untold) ++counts_.untold;
    if (finish == Finish::unwhole) rejected_.remember(name, file.info);
    if (finish != Finish::whole) continue;
    const auto own = next_claim_name(original_name(name));
    if (rename_new(place_.rejected(), name, place_.claimed(), own).error != 0) continue;
    rejected_.forget(name);
    claimed.push_back(own);
  }
}

std::vector<std::string> Capture::claim_finished(std::size_t most) {
  counts_ = {};
  folders_.clear();
  std::vector<Candidate> finished;
  walk([&](const TreeEntry& entry) { weigh(entry, finished); });
  std::sort(folders_.begin(), folders_.end());
  std::sort(finished.begin(), finished.end(), [](const Candidate& a, const Candidate& b) { return std::tie(a.modified, a.path) < std::tie(b.modified, b.path); });
  if (finished.size() > most) finished.resize(most);
  std::vector<std::string> claimed;
  for (const auto& one : finished) {
    auto name = claim(one);
    if (!name.empty()) claimed.push_back(std::move(name));
  }
  claim_grown(claimed);
  finished_.forget_unseen();
  if (looks_first_) troubles_.note(Looking::at_files, "no-rename-noreplace", path(), Weight::told);
  auto removed = rejected_.trim();
  judged_.removed.insert(judged_.removed.end(), removed.begin(), removed.end());
  return claimed;
}

Judged Capture::take_judged() { return std::exchange(judged_, {}); }

// Deepest first: a folder is empty when those in it are gone. What somebody puts into one meanwhile keeps it.
void Capture::remove_emptied() {
  auto emptied = std::exchange(emptied_, {});
  if (!settings_.remove_empty_dirs || !place_.is_there()) return;
  while (!emptied.empty()) {
    const auto path = emptied.extract(std::prev(emptied.end())).value();
    const auto slash = path.rfind('/');
    const auto parent = slash == std::string::npos ? std::string() : path.substr(0, slash);
    const auto dir = open_folder(place_.dir(), parent);
    if (!dir || ::unlinkat(dir.get(), path.substr(slash + 1).c_str(), AT_REMOVEDIR) != 0) continue;
    if (!parent.empty()) emptied.insert(parent);
  }
}

// ---- what was claimed ---------------------------------------------------------------------------------------------------------------

std::vector<std::string> Capture::claimed() {
  std::erase_if(stays_, [](const auto& one) { return one.second.until <= monotonic_ms(); });
  auto names = list_dir(place_.claimed());
  for (const auto& [name, stay] : stays_) troubles_.note(Looking::at_claims, stay.reason, original_name(name));
  for (const auto& name : sealed_) troubles_.note(Looking::at_claims, "not removable", original_name(name));
  std::erase_if(names, [&](const std::string& name) { return stays_.contains(name) || sealed_.contains(name); });
  std::sort(names.begin(), names.end());
  return names;
}

// It is sealed: given again, it would be sealed again, each time.
void Capture::remove_claimed(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    try {
      unlinker_.unlink(place_.claimed(), name);
    } catch (const Error&) {
      sealed_.insert(name);
    }
  }
  unlinker_.flush();
}

// An event has no original, and is sealed when the place is away, too.
void Capture::sync_claimed() const {
  if (place_.is_there()) sync_dir(place_.claimed(), path() + "/" + kClaimedFolder);
}

std::string original_name(const std::string& claimed_name) {
  const auto plus = claimed_name.find('+');
  return plus == std::string::npos ? claimed_name : claimed_name.substr(plus + 1);
}

void Capture::postpone(const std::string& claimed_name, const std::string& reason, std::int64_t pause_ms) {
  stays_[claimed_name] = {reason, monotonic_ms() + pause_ms};
}

void Capture::reject(const std::string& claimed_name, const std::string& reason, const struct stat* growing) {
  const auto moved = rejected_.take(place_.claimed(), claimed_name, original_name(claimed_name), claimed_name, growing);
  if (moved.empty()) return postpone(claimed_name, "not rejectable", kLongPauseMs);
  judged_.rejected.push_back(moved + ": " + reason);
}

static void add_fingerprint(std::set<std::string>& all, const struct stat& info) {
  all.insert(std::to_string(info.st_ino) + "-" + std::to_string(mtime_ms(info)));
}

std::set<std::string> Capture::fingerprints(bool finished) {
  std::set<std::string> all;
  counts_ = {};
  folders_.clear();
  walk([&](const TreeEntry& entry) {
    if (!is_picture_name(entry.name) && is_known_other(entry)) return;
    const auto file = open_hostile(entry.dir, entry.name);
    if (file.problem != HostileProblem::none || !(is_picture_name(entry.name) || begins_as_jpeg(file))) return;
    const auto finish = finished_.judge(file);
    if (!finished || finish == Finish::whole || finish == Finish::unwhole) add_fingerprint(all, file.info);
  });
  std::sort(folders_.begin(), folders_.end());
  finished_.forget_unseen();
  struct stat info {};
  for (const auto& name : list_dir(place_.claimed()))
    if (::fstatat(place_.claimed(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) add_fingerprint(all, info);
  return all;
}

// ---- for status -----------------------------------------------------------------------------------------------------------------------

static void survey_file(const TreeEntry& entry, Survey& found) {
  const bool by_name = is_picture_name(entry.name);
  const auto file = open_hostile(entry.dir, entry.name);
  if (file.problem == HostileProblem::none && (by_name || begins_as_jpeg(file))) ++found.pictures;
  else if ((file.problem == HostileProblem::unreadable || file.problem == HostileProblem::broken) && (by_name || has_no_suffix(entry.name))) ++found.unreadable;
  else if (file.problem != HostileProblem::vanished) ++found.others;
}

static void survey_folder(int top, const char* name, const std::function<void(const struct stat&)>& count) {
  const Fd dir(::openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir) return;
  struct stat info {};
  for (const auto& file : list_dir(dir.get()))
    if (::fstatat(dir.get(), file.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(info.st_mode)) count(info);
}

Survey survey(const UploadSettings& settings) {
  Survey found;
  const Fd top(::open(settings.capture_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return found;
  walk_tree(top.get(), settings.capture_depth, IgnoredNames(settings.ignore),
            {.file = [&](const TreeEntry& entry) { survey_file(entry, found); },
             .folder = [](const std::string&) {},
             .ignored = [&] { ++found.ignored; },
             .trouble = [&](const std::string&, const std::string&) { ++found.unreadable; }});
  survey_folder(top.get(), kClaimedFolder, [&](const struct stat&) { ++found.claimed; });
  survey_folder(top.get(), kRejectedFolder, [&](const struct stat& info) {
    ++found.rejected;
    found.rejected_octets += static_cast<std::uint64_t>(info.st_size);
  });
  return found;
}

static bool has_old_form(const CameraId& camera, const std::string& name) {
  const auto prefix = camera.text() + "_";
  constexpr std::string_view kShape = "dddd_dd_dd_dd_dd_dd";
  if (!name.starts_with(prefix) || !name.ends_with(".jpg") || name.size() < prefix.size() + kShape.size() + 4) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const char c = name[prefix.size() + i];
    if (kShape[i] == 'd' ? c < '0' || c > '9' : c != kShape[i]) return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != '\\'; });
}

std::string name_in_envelope(const CameraId& camera, const std::string& original, TimeMs captured_at) {
  if (has_old_form(camera, original)) return original;
  return camera.text() + format_utc(captured_at, "_%Y_%m_%d_%H_%M_%S.jpg");
}

}  // namespace shutterseal::uploader
