// SPDX-License-Identifier: Apache-2.0
// Evidence in a directory tree on ext4, xfs or btrfs.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/evidence/evidence.h"
#include "src/evidence/hours.h"

namespace shutterseal::evidence {

static constexpr mode_t kFileMode = 0440, kDirMode = 0750;
static constexpr std::size_t kPiece = 4096;  // names that are read at a time
static constexpr std::size_t kMostNames = 9;  // of one item: each but the last was taken by something else
static constexpr std::size_t kProbe = 4096;
static constexpr TimeMs kGrainMs = 2000;
static constexpr std::string_view kSuffix = ".p7m";
static constexpr const char* kNoName = "not a name of ours";

// ---- names ----------------------------------------------------------------------------------------------------------------------------

static std::string hour_of(const CameraId& camera, TimeMs received) {
  return camera.account() + "/" + format_utc(received, "%Y-%m-%d/%H");
}

// The whole digest: a part of it could be made to fit by who has the camera's key and some hours.
static std::string name_of(const Item& item) {
  return std::to_string(item.received_at) + "-" + item.chain.hex().substr(0, 8) + "-" + std::to_string(item.sequence) + "-" + item.digest.hex() +
         std::string(kSuffix);
}

// RECEIVEDMS-CHAIN8-SEQUENCE-DIGEST64.p7m, then ...-DIGEST64-2.p7m and so on.
static std::optional<std::string> another_name(const std::string& taken) {
  const auto stem = taken.substr(0, taken.size() - kSuffix.size());
  const auto parts = split(stem, '-');
  if (parts.size() == 4) return stem + "-2" + std::string(kSuffix);
  const auto number = parse_decimal(parts.back(), kMostNames);
  if (!number || *number == kMostNames) return std::nullopt;
  return stem.substr(0, stem.rfind('-') + 1) + std::to_string(*number + 1) + std::string(kSuffix);
}

static bool is_hex(std::string_view text, std::size_t size) { return from_hex(text, size / 2).has_value(); }

static std::optional<Store::Found> parse_name(const CameraId& camera, const std::string& hour, const std::string& name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  const auto parts = split(std::string_view(name).substr(0, name.size() - kSuffix.size()), '-');
  if (parts.size() < 4 || parts.size() > 5) return std::nullopt;
  const auto received = parse_decimal(parts[0], kLargestInteger), sequence = parse_decimal(parts[2], kLargestInteger);
  if (!received || !sequence || *sequence == 0 || !is_hex(parts[1], 8)) return std::nullopt;
  const bool is_whole = is_hex(parts[3], 64);
  if (!is_whole && !(parts.size() == 4 && is_hex(parts[3], 16))) return std::nullopt;  // the latter is an older version's
  if (parts.size() == 5 && parse_decimal(parts[4], kMostNames).value_or(0) < 2) return std::nullopt;
  return Store::Found{hour + "/" + name, camera, static_cast<TimeMs>(*received), std::string(parts[3])};
}

// Digits where `form` has them, and nothing else elsewhere.
static bool has_form(std::string_view name, std::string_view form) {
  return std::equal(name.begin(), name.end(), form.begin(), form.end(), [](char c, char wanted) { return wanted == '0' ? c >= '0' && c <= '9' : c == wanted; });
}

static std::string parent_of(const std::string& place) {
  const auto slash = place.rfind('/');
  return slash == std::string::npos ? "" : place.substr(0, slash);
}

// ---- one group ------------------------------------------------------------------------------------------------------------------------

class UnnamedDraft : public Draft {
 public:
  explicit UnnamedDraft(UnnamedFile file) : file_(std::move(file)) {}
  [[nodiscard]] UnnamedFile take() { return std::move(file_); }

 private:
  UnnamedFile file_;
};

// What of a group lies on one disk: it is synced together, and fails together.
struct Batch {
  dev_t device = 0;
  CommitGroup files;
  std::vector<std::size_t> items;  // of the group, in the order of `files`
};

class DirectoryStore : public Store {
 public:
  explicit DirectoryStore(const std::string& directory) : path_(directory), root_(open_dir(directory)), hours_(root_.get(), directory) {}

  std::shared_ptr<Draft> draft(const CameraId& camera, TimeMs received_at, ByteView content) override {
    const auto hour = hour_of(camera, received_at);
    const auto opened = hours_.open(camera, hour);
    if (opened.trouble) throw Error(*opened.trouble);
    return std::make_shared<UnnamedDraft>(UnnamedFile(opened.folder->dir.get(), {content}, kFileMode, path_ + "/" + hour));
  }

  std::vector<Put> put(const std::vector<Item>& group) override {
    std::vector<Put> answers(group.size());
    std::vector<std::shared_ptr<const Hours::Folder>> held;  // until their group is committed
    std::map<dev_t, Batch> batches;
    for (std::size_t i = 0; i < group.size(); ++i) add(group[i], i, batches, held, answers[i]);
    // The common disk first: where that fails nothing of the others is put either.
    if (const auto common = batches.find(hours_.common()); common != batches.end()) commit(common->second, group, answers);
    for (auto& [device, batch] : batches)
      if (!hours_.is_common(device)) commit_apart(batch, group, answers);
    return answers;
  }

  Bytes get(const Location& location, std::size_t limit) const override { return read_file_at(root_.get(), location, limit); }

  bool contains(const Location& location, std::uint64_t size) const override {
    struct stat info {};
    if (::fstatat(root_.get(), location.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return S_ISREG(info.st_mode) && static_cast<std::uint64_t>(info.st_size) == size;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    throw_errno("cannot look at", path_ + "/" + location);
  }

  std::vector<CameraId> cameras(const Complain& complain) const override {
    std::vector<CameraId> all;
    for (const auto& name : sorted(""))
      if (const auto camera = CameraId::from_account(name))
        all.push_back(*camera);
      else if (complain)
        complain(name, kNoName);
    return all;
  }

  std::vector<Location> folders(const CameraId& camera, const Complain& complain) const override {
    std::vector<Location> all;
    if (!is_there(camera.account())) return all;
    for (const auto& day : folders_in(camera.account(), "0000-00-00", complain)) {
      try {
        for (const auto& hour : folders_in(camera.account() + "/" + day, "00", complain)) all.push_back(camera.account() + "/" + day + "/" + hour);
      } catch (const Error& error) {
        if (complain) complain(camera.account() + "/" + day, error.what());
      }
    }
    return all;
  }

  Location folder_at(const CameraId& camera, TimeMs received_at) const override { return hour_of(camera, received_at); }

  std::int64_t stamp(const Location& folder) const override {
    struct stat info {};
    if (::fstatat(root_.get(), folder.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return 0;
    // The kernel's clock has a grain, so what is added next may leave the time as it is.
    if (std::abs(now_ms() - mtime_ms(info)) < kGrainMs) return 0;
    return static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  }

  void list(const CameraId& camera, const Location& folder, const std::function<void(Found)>& visit, const Complain& complain) const override {
    const auto dir = open_dir_at(root_.get(), folder);
    long position = 0;
    do {
      for (const auto& name : list_some(dir.get(), position, kPiece))
        if (auto found = parse_name(camera, folder, name))
          visit(std::move(*found));
        else if (complain)
          complain(folder + "/" + name, kNoName);
    } while (position != 0);
  }

  void settle(const std::vector<Location>& found) override {
    std::set<std::string> dirs;
    for (const auto& location : found)
      for (auto dir = parent_of(location); dirs.insert(dir).second && !dir.empty();) dir = parent_of(dir);
    for (const auto& dir : dirs) sync_dir(open_dir(path_ + "/" + dir).get(), path_ + "/" + dir);
  }

  void probe(const CameraId& camera, TimeMs now) override {
    const auto hour = hour_of(camera, now);
    const auto opened = hours_.open(camera, hour);
    if (opened.trouble) throw Error(*opened.trouble);
    const Bytes some(kProbe);
    const UnnamedFile unused(opened.folder->dir.get(), {some}, kFileMode, path_ + "/" + hour);
  }

  bool is_apart(const CameraId& camera) const override {
    struct stat info {};
    if (::fstatat(root_.get(), camera.account().c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return !hours_.is_common(info.st_dev);
    if (errno != ENOENT) throw_errno("cannot look at", path_ + "/" + camera.account());
    return false;
  }

  void forget(const CameraId& camera) override { hours_.forget(camera); }

  void remove(const Location& location) override {
    unlink_at(root_.get(), location);
    sync_dir(open_dir(path_ + "/" + parent_of(location)).get(), path_ + "/" + location);
  }

  std::uint64_t free_space() const override { return shutterseal::free_space(root_.get()); }

 private:
  void add(const Item& item, std::size_t place, std::map<dev_t, Batch>& batches, std::vector<std::shared_ptr<const Hours::Folder>>& held, Put& answer) {
    const auto hour = hour_of(item.camera, item.received_at);
    auto opened = hours_.open(item.camera, hour);
    if (opened.trouble) {
      answer.trouble = std::move(opened.trouble);
      return;
    }
    const auto& folder = *opened.folder;
    const auto name = name_of(item), where = path_ + "/" + hour + "/" + name;
    try {
      auto file = item.draft ? static_cast<UnnamedDraft&>(*item.draft).take() : UnnamedFile(folder.dir.get(), {item.content}, kFileMode, where);
      auto& batch = batches[folder.device];
      batch.files.add(folder.dir.get(), name, std::move(file), where);
      batch.device = folder.device;
      batch.items.push_back(place);
    } catch (const Error& error) {
      if (hours_.is_everybodys(error, folder.device)) throw;
      answer.trouble = error;
      return;
    }
    held.push_back(std::move(opened.folder));
    answer.location = hour + "/" + name;
  }

  void commit(Batch& batch, const std::vector<Item>& group, std::vector<Put>& answers) {
    try {
      const auto outcomes = batch.files.commit_each(another_name);
      for (std::size_t i = 0; i < outcomes.size(); ++i) note(outcomes[i], group[batch.items[i]].camera, batch.device, answers[batch.items[i]]);
    } catch (...) {
      hours_.forget();
      throw;
    }
  }

  void note(const CommitGroup::Outcome& outcome, const CameraId& camera, dev_t device, Put& answer) {
    if (outcome.trouble && hours_.is_everybodys(*outcome.trouble, device)) throw Error(*outcome.trouble);
    const auto first = answer.location;
    answer.location = parent_of(first) + "/" + outcome.name;
    if (answer.location != first) answer.taken = first;
    if (!outcome.trouble && outcome.linked != Linked::different) return;
    answer.trouble = outcome.trouble ? *outcome.trouble : Error(ErrorKind::io, "evidence '" + path_ + "/" + first + "' exists with other bytes, under each of its names");
    hours_.forget(camera);
  }

  // A camera's own disk: what fails there fails for those who lie there.
  void commit_apart(Batch& batch, const std::vector<Item>& group, std::vector<Put>& answers) {
    try {
      commit(batch, group, answers);
    } catch (const Error& error) {
      for (const auto item : batch.items) answers[item].trouble = error;
    }
  }

  [[nodiscard]] bool is_there(const std::string& place) const {
    struct stat info {};
    if (::fstatat(root_.get(), place.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (errno != ENOENT) throw_errno("cannot look at", path_ + "/" + place);
    return false;
  }
  [[nodiscard]] std::vector<std::string> sorted(const std::string& below) const {
    auto names = list_dir(open_dir(path_ + "/" + below).get());
    std::sort(names.begin(), names.end());
    return names;
  }
  // The folders of ours; what is none (a parcel that an older daemon put aside, somebody's note) is a stranger with all below it.
  [[nodiscard]] std::vector<std::string> folders_in(const std::string& parent, const char* form, const Complain& complain) const {
    std::vector<std::string> names;
    for (auto& name : sorted(parent))
      if (has_form(name, form))
        names.push_back(std::move(name));
      else if (complain)
        complain(parent + "/" + name, kNoName);
    return names;
  }

  std::string path_;
  Fd root_;
  Hours hours_;
};

std::unique_ptr<Store> open_directory_store(const std::string& directory) {
  make_dirs(directory, kDirMode);
  return std::make_unique<DirectoryStore>(directory);
}

}  // namespace shutterseal::evidence
