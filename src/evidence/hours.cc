// SPDX-License-Identifier: Apache-2.0
#include "src/evidence/hours.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "src/base/commit.h"
#include "src/base/file.h"
#include "src/base/text.h"

namespace shutterseal::evidence {

static constexpr mode_t kDirMode = 0750;
static constexpr std::size_t kMostOpenHours = 512, kMostDurable = 100'000;
// With less room than a parcel may need, "no space" is the disk's word; with more it is a quota's, which is one camera's.
static constexpr std::uint64_t kFullBelow = std::uint64_t{64} << 20;

static struct stat look_at(int fd, const std::string& name) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw_errno("cannot look at", name);
  return info;
}

Hours::Hours(int root, std::string path) : root_(root), path_(std::move(path)), device_(look_at(root, path_).st_dev) {}

bool Hours::is_full() const {
  struct statvfs info {};
  if (::fstatvfs(root_, &info) != 0) return true;
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize < kFullBelow || (info.f_files > 0 && info.f_favail == 0);
}

bool Hours::is_everybodys(const Error& error, dev_t device) const {
  if (error.kind() == ErrorKind::system) return true;  // no memory, no descriptor
  if (!is_common(device)) return false;
  return error.number() == EROFS || (error.number() == ENOSPC && is_full());
}

// A disk that is mounted over a camera's folder, or no longer, makes it another place: what is there would be hidden, or written below the mount point.
void Hours::expect_same_disk(const CameraId& camera, dev_t device) {
  const auto [known, is_new] = places_.emplace(camera, device);
  if (!is_new && known->second != device)
    throw Error(ErrorKind::io, "evidence of camera " + camera.text() + " lies on another file system than before: is its own one mounted?");
}

// Even where the folder was there: who made it may have been killed before this.
void Hours::make_durable(const Fd& parent, const std::string& name, const std::string& path, bool made) {
  try {
    sync_dir(parent.get(), where(path));
  } catch (const Error& error) {
    // What a failed sync left is not made good by a later one: the next try makes it anew.
    if (made) static_cast<void>(::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR));
    if (is_common(look_at(parent.get(), path).st_dev)) failed_sync_ = error;
    throw;
  }
  if (durable_.size() == kMostDurable) durable_.clear();
  durable_.insert(path);
}

Fd Hours::enter(const Fd& parent, const std::string& name, const std::string& path) {
  if (durable_.contains(path)) {
    Fd found(::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (found) return found;  // otherwise somebody removed it
  }
  const bool made = ::mkdirat(parent.get(), name.c_str(), kDirMode) == 0;
  if (!made && errno != EEXIST) throw_errno("cannot make directory", where(path));
  Fd dir(::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir) throw_errno("cannot open", where(path));
  make_durable(parent, name, path, made);
  return dir;
}

Hours::Folder Hours::walk(const CameraId& camera, const std::string& hour) {
  Fd dir = open_dir_at(root_, ".");
  std::string path;
  for (const auto part : split(hour, '/')) {
    const bool is_cameras = path.empty();
    path += (is_cameras ? "" : "/") + std::string(part);
    dir = enter(dir, std::string(part), path);
    if (is_cameras) expect_same_disk(camera, look_at(dir.get(), path).st_dev);
  }
  const auto info = look_at(dir.get(), path);
  return {std::move(dir), info.st_dev, info.st_ino};
}

// Moved away, removed, or mounted over, a folder that is still open takes files that nobody finds.
bool Hours::is_still(const Folder& folder, const std::string& hour) const {
  struct stat info {};
  return ::fstatat(root_, hour.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_dev == folder.device && info.st_ino == folder.inode;
}

void Hours::drop(const std::string& hour) {
  open_.erase(hour);
  std::erase(order_, hour);
}

Hours::Opened Hours::open(const CameraId& camera, const std::string& hour) {
  const std::lock_guard guard(mutex_);
  if (const auto known = open_.find(hour); known != open_.end()) {
    if (is_still(*known->second, hour)) return {known->second, {}};
    drop(hour);
  }
  std::shared_ptr<const Folder> folder;
  try {
    folder = std::make_shared<const Folder>(walk(camera, hour));
  } catch (const Error& error) {
    const auto place = places_.find(camera);
    if (std::exchange(failed_sync_, std::nullopt) || is_everybodys(error, place == places_.end() ? device_ : place->second)) throw;
    return {nullptr, error};
  }
  if (order_.size() == kMostOpenHours) drop(std::string(order_.front()));
  order_.push_back(hour);
  open_.emplace(hour, folder);
  return {folder, {}};
}

void Hours::forget() {
  const std::lock_guard guard(mutex_);
  open_.clear();
  order_.clear();
  durable_.clear();
}

void Hours::forget(const CameraId& camera) {
  const std::lock_guard guard(mutex_);
  const auto prefix = camera.account() + "/";
  std::erase_if(open_, [&](const auto& one) { return one.first.starts_with(prefix); });
  std::erase_if(order_, [&](const auto& one) { return one.starts_with(prefix); });
  std::erase_if(durable_, [&](const auto& one) { return one == camera.account() || one.starts_with(prefix); });
  places_.erase(camera);
}

}  // namespace shutterseal::evidence
