// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "src/base/error.h"
#include "src/base/file.h"

namespace shutterseal::uploader {

static const char* word_of(int error_number) {
  switch (error_number) {
    case ENOENT: return "missing";
    case ENOTDIR: return "no-directory";
    case EACCES:
    case EPERM: return "not-readable";
    default: return "broken";
  }
}

static bool is_one(const struct stat& left, const struct stat& right) { return left.st_dev == right.st_dev && left.st_ino == right.st_ino; }

static bool leads_to(int dir, const char* name, int flags, int held) {
  struct stat named {}, ours {};
  return ::fstatat(dir, name, &named, flags) == 0 && ::fstat(held, &ours) == 0 && is_one(named, ours);
}

static int why_not_writable(int dir) { return ::faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno; }

static Fd make_or_nothing(int dir, const char* name) {
  try {
    return make_dir_at(dir, name, 0700);
  } catch (const Error&) {
    return {};
  }
}

std::string Place::open_all() {
  dir_ = Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir_) return word_of(errno);
  if (const int error = why_not_writable(dir_.get())) return error == EROFS ? "read-only" : "not-writable";
  auto claimed = make_or_nothing(dir_.get(), kClaimedFolder);
  if (!claimed || why_not_writable(claimed.get()) != 0) return "no-claims";
  rejected_ = make_or_nothing(dir_.get(), kRejectedFolder);
  claimed_ = std::move(claimed);
  return {};
}

void Place::open() {
  dir_.reset();
  claimed_.reset();
  rejected_.reset();
  reason_ = open_all();
}

bool Place::is_elsewhere() const { return !dir_ || !leads_to(AT_FDCWD, path_.c_str(), 0, dir_.get()); }

bool Place::is_same() const {
  return is_there() && may_be_written() && !is_elsewhere() &&
         leads_to(dir_.get(), kClaimedFolder, AT_SYMLINK_NOFOLLOW, claimed_.get());
}

void Place::mend_rejected() {
  if (!is_there() || (rejected_ && leads_to(dir_.get(), kRejectedFolder, AT_SYMLINK_NOFOLLOW, rejected_.get()))) return;
  rejected_ = make_or_nothing(dir_.get(), kRejectedFolder);
}

bool Place::is_deleted() const {
  struct stat info {};
  return !dir_ || ::fstat(dir_.get(), &info) != 0 || info.st_nlink == 0;
}

bool Place::may_be_written() const { return dir_ && why_not_writable(dir_.get()) == 0; }

}  // namespace shutterseal::uploader
