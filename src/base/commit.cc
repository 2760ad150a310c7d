// SPDX-License-Identifier: Apache-2.0
#include "src/base/commit.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

namespace shutterseal {

struct CommitGroup::File {
  int dir;
  std::string name, where;
  Fd fd;
  dev_t device = 0;
  std::uint64_t size = 0;
};

CommitGroup::CommitGroup() = default;
CommitGroup::~CommitGroup() = default;

// Without a name until commit(): a crash while writing leaves nothing behind. File systems without O_TMPFILE are refused by name.
static Fd open_unnamed(int dir, mode_t mode, const std::string& where) {
  Fd fd(::openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
  if (!fd && (errno == EOPNOTSUPP || errno == EISDIR))
    throw Error(ErrorKind::io, "cannot write '" + escape_untrusted(where, kLongestSubject) +
                                   "': the file system has no O_TMPFILE (use ext4, xfs, btrfs, f2fs or tmpfs)");
  if (!fd) throw_errno("cannot write", where);
  if (::fchmod(fd.get(), mode) != 0) throw_errno("cannot write", where);  // the umask must not decide who reads evidence
  return fd;
}

static dev_t device_of(int fd, const std::string& where) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw_errno("cannot look at", where);
  return info.st_dev;
}

void CommitGroup::add(int dir, const std::string& name, std::initializer_list<ByteView> pieces, mode_t mode, const std::string& where) {
  auto file = std::make_unique<File>();
  file->dir = dir;
  file->name = name;
  file->where = where;
  file->fd = open_unnamed(dir, mode, where);
  file->device = device_of(file->fd.get(), where);
  for (const auto piece : pieces) {
    write_all(file->fd.get(), piece, where);
    file->size += piece.size();
  }
  // Starts the disk while the next file is still being copied. No promise rests on this call.
  static_cast<void>(::sync_file_range(file->fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE));
  files_.push_back(std::move(file));
}

// FUSE answers syncfs with 0 and syncs nothing; only where it is known to be honoured may it stand for many fsyncs.
static bool honours_syncfs(int fd) {
  constexpr auto kXfs = 0x58465342;
  struct statfs info {};
  if (::fstatfs(fd, &info) != 0) return false;
  return info.f_type == EXT4_SUPER_MAGIC || info.f_type == kXfs || info.f_type == BTRFS_SUPER_MAGIC;
}

static void sync_file(int fd, const std::string& where) {
  // EIO here may mean that the kernel dropped the dirty pages: trying again could succeed without them, so nobody does.
  if (::fsync(fd) != 0) throw_errno("cannot sync", where);
}

void CommitGroup::sync_data() {
  const auto on_the_first = [this](const auto& file) { return file->device == files_[0]->device; };
  if (files_.size() > 1 && std::all_of(files_.begin(), files_.end(), on_the_first) && honours_syncfs(files_[0]->fd.get())) {
    if (::syncfs(files_[0]->fd.get()) != 0) throw_errno("cannot sync", files_[0]->where);
    return;
  }
  for (const auto& file : files_) sync_file(file->fd.get(), file->where);
}

static bool same_content(int left, int right, std::uint64_t size, const std::string& where) {
  struct stat info {};
  if (::fstat(right, &info) != 0) throw_errno("cannot look at", where);
  if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) != size) return false;
  if (::lseek(left, 0, SEEK_SET) != 0) throw_errno("cannot read", where);
  return read_fd(left, where, size) == read_fd(right, where, size);
}

// The name is taken: by an earlier try that was cut before it could say so (the same bytes; perhaps not yet synced), or by something else.
static Linked compare_with_existing(int dir, const std::string& name, int ours, std::uint64_t size, const std::string& where) {
  const auto existing = open_hostile(dir, name);
  if (existing.problem != HostileProblem::none || !same_content(ours, existing.fd.get(), size, where)) return Linked::different;
  sync_file(existing.fd.get(), where);
  return Linked::identical;
}

static Linked link_unnamed(int dir, const std::string& name, int fd, std::uint64_t size, const std::string& where) {
  char source[64];
  std::snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
  if (::linkat(AT_FDCWD, source, dir, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return Linked::created;
  if (errno != EEXIST) throw_errno("cannot name", where);
  return compare_with_existing(dir, name, fd, size, where);
}

// ext4 loses a linked file in a power cut until its directory is synced.
void CommitGroup::sync_names() {
  std::set<std::pair<dev_t, ino_t>> synced;
  for (const auto& file : files_) {
    struct stat info {};
    if (::fstat(file->dir, &info) != 0) throw_errno("cannot sync", file->where);
    if (synced.insert({info.st_dev, info.st_ino}).second) sync_dir(file->dir, file->where);
  }
}

// A name that could not be made durable must not be found later and taken for one that was. Best effort: the Error is on its way already.
void CommitGroup::take_back(const std::vector<Linked>& answers) noexcept {
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i] == Linked::created) static_cast<void>(::unlinkat(files_[i]->dir, files_[i]->name.c_str(), 0));
}

std::vector<Linked> CommitGroup::commit() {
  std::vector<Linked> answers;
  if (files_.empty()) return answers;
  // Data before names: after a crash a name must never lead to a file without its bytes. Names before success.
  sync_data();
  try {
    for (const auto& file : files_) answers.push_back(link_unnamed(file->dir, file->name, file->fd.get(), file->size, file->where));
    sync_names();
  } catch (...) {
    take_back(answers);
    throw;
  }
  files_.clear();
  return answers;
}

void commit_file(int dir, const std::string& name, ByteView content, mode_t mode, const std::string& where) {
  CommitGroup group;
  group.add(dir, name, {content}, mode, where);
  if (group.commit().front() == Linked::different)
    throw Error(ErrorKind::cannot_create, "cannot make '" + escape_untrusted(where, kLongestSubject) + "': it exists");
}

static std::pair<Fd, std::string> parent_and_name(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return {open_dir("."), path};
  return {open_dir(slash == 0 ? "/" : path.substr(0, slash)), path.substr(slash + 1)};
}

void commit_file(const std::string& path, ByteView content, mode_t mode) {
  const auto [dir, name] = parent_and_name(path);
  commit_file(dir.get(), name, content, mode, path);
}

void replace_file(int dir, const std::string& name, ByteView content, mode_t mode, const std::string& where) {
  const auto temporary = "." + name + ".new";
  unlink_at(dir, temporary);  // what a crash between the next two steps left
  const Fd fd(::openat(dir, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd || ::fchmod(fd.get(), mode) != 0) throw_errno("cannot write", where);
  write_all(fd.get(), content, where);
  sync_file(fd.get(), where);  // before the rename: or a power cut leaves the new name with no bytes
  if (::renameat(dir, temporary.c_str(), dir, name.c_str()) != 0) throw_errno("cannot replace", where);
  sync_dir(dir, where);
}

void replace_file(const std::string& path, ByteView content, mode_t mode) {
  const auto [dir, name] = parent_and_name(path);
  replace_file(dir.get(), name, content, mode, path);
}

void move_file(int from_dir, const std::string& from, int to_dir, const std::string& to, const std::string& where) {
  if (::renameat2(from_dir, from.c_str(), to_dir, to.c_str(), RENAME_NOREPLACE) != 0) throw_errno("cannot move", where);
  // The new place first: a crash between the two may show the file twice in the journal's order, but never nowhere.
  sync_dir(to_dir, where);
  sync_dir(from_dir, where);
}

void sync_dir(int dir, const std::string& where) { sync_file(dir, where); }

}  // namespace shutterseal
