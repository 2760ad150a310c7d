// SPDX-License-Identifier: Apache-2.0
#include "src/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal {

static Fd checked_open(int dir, const std::string& path, int flags, mode_t mode = 0) {
  const int fd = ::openat(dir, path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) throw_errno("cannot open", path);
  return Fd(fd);
}

static struct stat checked_stat(int fd, const std::string& name) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw_errno("cannot look at", name);
  return info;
}

Fd open_dir(const std::string& path) { return checked_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY); }

Fd open_dir_at(int dir, const std::string& name) { return checked_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); }

static std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void make_dirs(const std::string& path, mode_t mode) {
  if (path.empty() || exists(path)) return;
  const auto parent = parent_of(path);
  make_dirs(parent, mode);
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) throw_errno("cannot make directory", path);
  // The new name must survive a power cut before anything inside it counts as stored.
  sync_dir(open_dir(parent).get(), parent);
}

Fd make_dir_at(int dir, const std::string& name, mode_t mode) {
  const bool made = ::mkdirat(dir, name.c_str(), mode) == 0;
  if (!made && errno != EEXIST) throw_errno("cannot make directory", name);
  try {
    sync_dir(dir, name);  // even when it was there: who made it may have been killed before this
  } catch (...) {
    // What a failed sync left is not made good by a later one: the next try makes it anew.
    if (made) static_cast<void>(::unlinkat(dir, name.c_str(), AT_REMOVEDIR));
    throw;
  }
  return open_dir_at(dir, name);
}

bool exists(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return true;
  // A disk that cannot be asked has not said no: state that were taken for missing would be begun anew.
  if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) throw_errno("cannot look at", path);
  return false;
}

Bytes read_fd(int fd, const std::string& name, std::size_t limit) {
  const auto info = checked_stat(fd, name);
  const auto expected = static_cast<std::size_t>(info.st_size > 0 ? info.st_size : 0);
  Bytes content(std::min(expected, limit) + 1);  // one more: to see the end, or that it grew past the limit
  std::size_t filled = 0;
  for (;;) {
    const auto got = ::read(fd, content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read", name);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > limit) throw Error(ErrorKind::data, "'" + escape_untrusted(name, kLongestSubject) + "' is too large");
    if (filled == content.size()) content.resize(std::min(content.size() * 2, limit + 1));
  }
  content.resize(filled);
  return content;
}

Bytes read_file_at(int dir, const std::string& name, std::size_t limit) {
  return read_fd(checked_open(dir, name, O_RDONLY | O_NOCTTY).get(), name, limit);
}

Bytes read_file(const std::string& path, std::size_t limit) { return read_file_at(AT_FDCWD, path, limit); }

static void check_guarded(const struct stat& info, const std::string& path, Secrecy secrecy, bool directory = false) {
  const auto refuse = [&](const char* why) { throw Error(ErrorKind::permission, "'" + escape_untrusted(path, kLongestSubject) + "' " + why); };
  if (!directory && !S_ISREG(info.st_mode)) refuse("is not a regular file");
  if (info.st_uid != ::geteuid() && info.st_uid != 0) refuse("belongs to another user");
  const mode_t others = secrecy == Secrecy::credential && info.st_uid == 0 ? 037 : 077;
  if (secrecy != Secrecy::trusted && (info.st_mode & others) != 0) refuse("holds a secret and is open to others: chmod 600");
  if (secrecy == Secrecy::trusted && (info.st_mode & 022) != 0) refuse("can be written by others: chmod go-w");
}

Bytes read_guarded_file(const std::string& path, std::size_t limit, Secrecy secrecy) {
  const auto fd = checked_open(AT_FDCWD, path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  check_guarded(checked_stat(fd.get(), path), path, secrecy);
  return read_fd(fd.get(), path, limit);
}

Fd open_guarded_dir(const std::string& path) {
  auto dir = open_dir(path);
  check_guarded(checked_stat(dir.get(), path), path, Secrecy::trusted, true);
  return dir;
}

using Listing = std::unique_ptr<DIR, int (*)(DIR*)>;

static Listing start_listing(int dir) {
  // A descriptor of its own: readdir moves the position, and `dir` may be shared.
  Fd copy = checked_open(dir, ".", O_RDONLY | O_DIRECTORY);
  Listing stream(::fdopendir(copy.get()), ::closedir);
  if (!stream) throw_errno("cannot list", "a directory");
  static_cast<void>(copy.release());  // the stream owns it now
  return stream;
}

// Null at the end.
static const char* next_name(const Listing& stream) {
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(stream.get());
    if (!entry && errno != 0) throw_errno("cannot list", "a directory");
    if (!entry) return nullptr;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry->d_name;
  }
}

std::vector<std::string> list_dir(int dir, std::size_t limit) {
  const auto stream = start_listing(dir);
  std::vector<std::string> names;
  while (limit == 0 || names.size() < limit) {
    const auto* name = next_name(stream);
    if (!name) break;
    names.emplace_back(name);
  }
  return names;
}

std::vector<std::string> list_some(int dir, long& position, std::size_t most) {
  const auto stream = start_listing(dir);
  if (position != 0) ::seekdir(stream.get(), position);
  std::vector<std::string> names;
  while (names.size() < most) {
    const auto* name = next_name(stream);
    if (!name) {
      position = 0;
      return names;
    }
    names.emplace_back(name);
  }
  position = ::telldir(stream.get());
  return names;
}

std::vector<GuardedFile> read_guarded_files(const std::string& directory, std::string_view suffix, std::size_t limit) {
  auto names = list_dir(open_dir(directory).get());
  std::sort(names.begin(), names.end());
  std::vector<GuardedFile> files;
  for (const auto& name : names) {
    const auto path = directory + "/" + name;
    if (name.ends_with(suffix) && !name.starts_with('.')) files.push_back({path, read_guarded_file(path, limit, Secrecy::trusted)});
  }
  return files;
}

void write_all(int fd, ByteView bytes, const std::string& name) {
  while (!bytes.empty()) {
    const auto put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_errno("cannot write", name);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void unlink_at(int dir, const std::string& name) {
  if (::unlinkat(dir, name.c_str(), 0) != 0 && errno != ENOENT) throw_errno("cannot remove", name);
}

void remove_tree(int dir, const std::string& name) {
  const auto folder = open_dir_at(dir, name);
  for (const auto& entry : list_dir(folder.get())) {
    struct stat info {};
    if (::fstatat(folder.get(), entry.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) throw_errno("cannot look at", entry);
    if (S_ISDIR(info.st_mode)) {
      remove_tree(folder.get(), entry);
    } else {
      unlink_at(folder.get(), entry);
    }
  }
  if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) != 0) throw_errno("cannot remove", name);
}

static bool is_lack_of_ours(int error_number) { return error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM; }

static HostileProblem problem_of_open(int error_number, const std::string& name) {
  if (is_lack_of_ours(error_number)) throw_errno("cannot open", name, error_number);
  switch (error_number) {
    case ENOENT: return HostileProblem::vanished;
    case ELOOP:   // a symlink under O_NOFOLLOW
    case ENXIO:   // a socket, or a device without a driver
    case ENODEV:
    case EISDIR: return HostileProblem::not_regular;
    case EACCES:
    case EPERM: return HostileProblem::unreadable;
    default: return HostileProblem::broken;
  }
}

HostileFile open_hostile(int dir, const std::string& name) {
  HostileFile file;
  // O_NONBLOCK: a FIFO would hang us until its peer opens it.
  file.fd = Fd(::openat(dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.fd) {
    file.error = errno;
    file.problem = problem_of_open(file.error, name);
    if (::fstatat(dir, name.c_str(), &file.info, AT_SYMLINK_NOFOLLOW) != 0) file.info = {};
    return file;
  }
  if (::fstat(file.fd.get(), &file.info) != 0) {
    file.error = errno;
    file.problem = HostileProblem::broken;
  } else if (!S_ISREG(file.info.st_mode)) {
    file.problem = HostileProblem::not_regular;
  }
  if (file.problem != HostileProblem::none) file.fd.reset();
  return file;
}

void throw_if_broken(const HostileFile& file, const std::string& name) {
  if (file.problem == HostileProblem::broken) throw_errno("cannot open", name, file.error);
}

static Fd open_lock(const std::string& path) { return checked_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600); }

std::optional<FileLock> FileLock::try_lock(const std::string& path) {
  auto fd = open_lock(path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno == EWOULDBLOCK) return std::nullopt;
  throw_errno("cannot lock", path);
}

FileLock FileLock::wait(const std::string& path) {
  auto fd = open_lock(path);
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) throw_errno("cannot lock", path);
  return FileLock(std::move(fd));
}

TimeMs mtime_ms(const struct stat& info) noexcept {
  return static_cast<TimeMs>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1'000'000;
}

TimeMs change_ms(const struct stat& info) noexcept { return static_cast<TimeMs>(info.st_ctim.tv_sec) * 1000 + info.st_ctim.tv_nsec / 1'000'000; }

std::uint64_t free_space(int dir) {
  struct statvfs info {};
  if (::fstatvfs(dir, &info) != 0) throw_errno("cannot look at", "a file system");
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace shutterseal
