// SPDX-License-Identifier: Apache-2.0
// Evidence in a directory tree on ext4, xfs or btrfs.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/evidence/evidence.h"

namespace shutterseal::evidence {

static constexpr mode_t kFileMode = 0440, kDirMode = 0750;
static constexpr std::size_t kMostOpenHours = 512, kMostDurable = 100'000;
static constexpr std::string_view kSuffix = ".p7m";

static std::string hour_of(const CameraId& camera, TimeMs received) {
  return camera.account() + "/" + format_utc(received, "%Y-%m-%d/%H");
}

static std::string name_of(const Item& item) {
  return std::to_string(item.received_at) + "-" + item.chain.hex().substr(0, 8) + "-" + std::to_string(item.sequence) + "-" +
         item.digest.hex().substr(0, 16) + std::string(kSuffix);
}

static bool is_hex(std::string_view text, std::size_t size) { return from_hex(text, size / 2).has_value(); }

static std::optional<Store::Found> parse_name(const CameraId& camera, const std::string& hour, const std::string& name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  const auto parts = split(std::string_view(name).substr(0, name.size() - kSuffix.size()), '-');
  if (parts.size() != 4) return std::nullopt;
  const auto received = parse_decimal(parts[0], kLargestInteger), sequence = parse_decimal(parts[2], kLargestInteger);
  if (!received || !sequence || *sequence == 0 || !is_hex(parts[1], 8) || !is_hex(parts[3], 16)) return std::nullopt;
  return Store::Found{hour + "/" + name, camera, static_cast<TimeMs>(*received), std::string(parts[1]), *sequence, std::string(parts[3])};
}

// Digits where `form` has them, and nothing else elsewhere.
static bool has_form(std::string_view name, std::string_view form) {
  return std::equal(name.begin(), name.end(), form.begin(), form.end(), [](char c, char wanted) { return wanted == '0' ? c >= '0' && c <= '9' : c == wanted; });
}

static std::string parent_of(const std::string& place) {
  const auto slash = place.rfind('/');
  return slash == std::string::npos ? "" : place.substr(0, slash);
}

// Directory descriptors of the hours written to lately: shared, so that a group keeps its own while another evicts them. More cameras than that cost
// opening, not syncing: which folders are durable is remembered for longer.
class Hours {
 public:
  explicit Hours(int root) : root_(root) {}
  std::shared_ptr<Fd> open(const std::string& hour) {
    const std::lock_guard guard(mutex_);
    if (const auto known = open_.find(hour); known != open_.end()) return known->second;
    Fd dir = open_dir_at(root_, ".");
    std::string path;
    for (const auto part : split(hour, '/')) {
      path += "/" + std::string(part);
      dir = enter(dir.get(), std::string(part), path);
    }
    if (order_.size() == kMostOpenHours) {
      open_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(hour);
    return open_[hour] = std::make_shared<Fd>(std::move(dir));
  }
  // After an error: each descriptor would tell of it once more.
  void forget() {
    const std::lock_guard guard(mutex_);
    open_.clear();
    order_.clear();
    durable_.clear();
  }

 private:
  Fd enter(int dir, const std::string& name, const std::string& path) {
    if (durable_.contains(path)) {
      Fd found(::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (found) return found;  // otherwise somebody removed it
    }
    auto made = make_dir_at(dir, name, kDirMode);
    if (durable_.size() == kMostDurable) durable_.clear();
    durable_.insert(path);
    return made;
  }
  int root_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Fd>> open_;
  std::deque<std::string> order_;   // of open_, the oldest first
  std::set<std::string> durable_;  // folders that this process has synced
};

class UnnamedDraft : public Draft {
 public:
  explicit UnnamedDraft(UnnamedFile file) : file_(std::move(file)) {}
  [[nodiscard]] UnnamedFile take() { return std::move(file_); }

 private:
  UnnamedFile file_;
};

class DirectoryStore : public Store {
 public:
  explicit DirectoryStore(const std::string& directory) : path_(directory), root_(open_dir(directory)), hours_(root_.get()) {}

  std::shared_ptr<Draft> draft(const CameraId& camera, TimeMs received_at, ByteView content) override {
    const auto hour = hour_of(camera, received_at);
    return std::make_shared<UnnamedDraft>(UnnamedFile(hours_.open(hour)->get(), {content}, kFileMode, path_ + "/" + hour));
  }

  std::vector<Location> put(const std::vector<Item>& group) override {
    CommitGroup commit;
    std::vector<std::shared_ptr<Fd>> held;
    std::vector<Location> locations;
    for (const auto& item : group) {
      const auto hour = hour_of(item.camera, item.received_at);
      const auto name = name_of(item);
      held.push_back(hours_.open(hour));
      locations.push_back(hour + "/" + name);
      const auto where = path_ + "/" + locations.back();
      if (item.draft)
        commit.add(held.back()->get(), name, static_cast<UnnamedDraft&>(*item.draft).take(), where);
      else
        commit.add(held.back()->get(), name, {item.content}, kFileMode, where);
    }
    const auto linked = commit_all(commit);
    for (std::size_t i = 0; i < linked.size(); ++i)
      if (linked[i] == Linked::different)
        throw Error(ErrorKind::io, "evidence '" + path_ + "/" + locations[i] + "' exists with other bytes");
    return locations;
  }

  Bytes get(const Location& location, std::size_t limit) const override { return read_file_at(root_.get(), location, limit); }

  bool contains(const Location& location) const override { return ::faccessat(root_.get(), location.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

  void walk(TimeMs since, const std::function<void(const Found&)>& visit,
            const std::function<void(const std::string&)>& stranger) const override {
    for (const auto& name : sorted(path_)) {
      const auto camera = CameraId::from_account(name);
      if (camera)
        walk_camera(*camera, since, visit, stranger);
      else if (stranger)
        stranger(name);
    }
  }

  void settle(const std::vector<Location>& found) override {
    std::set<std::string> dirs;
    for (const auto& location : found)
      for (auto dir = parent_of(location); dirs.insert(dir).second && !dir.empty();) dir = parent_of(dir);
    for (const auto& dir : dirs) sync_dir(open_dir(path_ + "/" + dir).get(), path_ + "/" + dir);
  }

  void remove(const Location& location) override {
    unlink_at(root_.get(), location);
    sync_dir(open_dir(path_ + "/" + parent_of(location)).get(), path_ + "/" + location);
  }

  std::uint64_t free_space() const override { return shutterseal::free_space(root_.get()); }

 private:
  std::vector<Linked> commit_all(CommitGroup& group) {
    try {
      return group.commit();
    } catch (...) {
      hours_.forget();
      throw;
    }
  }
  static std::vector<std::string> sorted(const std::string& dir) {
    auto names = list_dir(open_dir(dir).get());
    std::sort(names.begin(), names.end());
    return names;
  }
  // The folders of ours; what is none (a parcel that an older daemon put aside, somebody's note) is a stranger with all below it.
  std::vector<std::string> folders(const std::string& parent, const char* form, const std::function<void(const std::string&)>& stranger) const {
    std::vector<std::string> names;
    for (auto& name : sorted(path_ + "/" + parent)) {
      if (has_form(name, form)) {
        names.push_back(std::move(name));
      } else if (stranger) {
        stranger(parent + "/" + name);
      }
    }
    return names;
  }
  // Names sort as times do, so whole days and hours before `since` are never listed.
  void walk_camera(const CameraId& camera, TimeMs since, const std::function<void(const Found&)>& visit,
                   const std::function<void(const std::string&)>& stranger) const {
    const auto first_day = format_utc(since, "%Y-%m-%d"), first_hour = format_utc(since, "%H");
    for (const auto& day : folders(camera.account(), "0000-00-00", stranger)) {
      if (day < first_day) continue;
      for (const auto& hour : folders(camera.account() + "/" + day, "00", stranger))
        if (day != first_day || hour >= first_hour) walk_hour(camera, camera.account() + "/" + day + "/" + hour, since, visit, stranger);
    }
  }
  void walk_hour(const CameraId& camera, const std::string& hour, TimeMs since, const std::function<void(const Found&)>& visit,
                 const std::function<void(const std::string&)>& stranger) const {
    for (const auto& name : sorted(path_ + "/" + hour)) {
      const auto found = parse_name(camera, hour, name);
      if (found && found->received_at >= since) visit(*found);
      if (!found && stranger) stranger(hour + "/" + name);
    }
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
