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
#include <functional>
#include <set>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

namespace shutterseal {

struct CommitGroup::File {
  int dir;
  std::string name, where;
  UnnamedFile content;
};

CommitGroup::CommitGroup() = default;
CommitGroup::~CommitGroup() = default;

// File systems without O_TMPFILE are refused by name.
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

UnnamedFile::UnnamedFile(int dir, std::initializer_list<ByteView> pieces, mode_t mode, const std::string& where) : fd_(open_unnamed(dir, mode, where)) {
  for (const auto piece : pieces) append(piece, where);
  // Starts the disk while the next file is still being copied. No promise rests on this call.
  static_cast<void>(::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE));
}

void UnnamedFile::append(ByteView piece, const std::string& where) {
  write_all(fd_.get(), piece, where);
  size_ += piece.size();
}

void CommitGroup::add(int dir, const std::string& name, UnnamedFile file, const std::string& where) {
  files_.push_back(std::make_unique<File>(File{dir, name, where, std::move(file)}));
}

void CommitGroup::add(int dir, const std::string& name, std::initializer_list<ByteView> pieces, mode_t mode, const std::string& where) {
  add(dir, name, UnnamedFile(dir, pieces, mode, where), where);
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

struct Synced {
  int fd;
  std::string where;
};

static bool are_on_one_file_system(const std::vector<Synced>& all) {
  const auto device = device_of(all.front().fd, all.front().where);
  return std::all_of(all.begin(), all.end(), [device](const Synced& one) { return device_of(one.fd, one.where) == device; });
}

// syncfs tells of errors since its one descriptor was opened: another's may be older, and have been told to an earlier group. Each file's own descriptor
// still knows; nothing is left to wait for.
static void expect_no_error(const Synced& one) {
  if (::sync_file_range(one.fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) != 0) throw_errno("cannot sync", one.where);
}

// One syncfs stands for many fsyncs where it may: each of those would be a commit of the journal of its own.
static void sync_together(const std::vector<Synced>& all) {
  if (all.size() < 2 || !are_on_one_file_system(all) || !honours_syncfs(all.front().fd)) {
    for (const auto& one : all) sync_file(one.fd, one.where);
  } else {
    if (::syncfs(all.front().fd) != 0) throw_errno("cannot sync", all.front().where);
    for (const auto& one : all) expect_no_error(one);
  }
}

void CommitGroup::sync_data() {
  std::vector<Synced> all;
  for (const auto& file : files_) all.push_back({file->content.fd(), file->where});
  sync_together(all);
}

static bool same_content(int left, int right, std::uint64_t size, const std::string& where) {
  struct stat info {};
  if (::fstat(right, &info) != 0) throw_errno("cannot look at", where);
  if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) != size) return false;
  if (::lseek(left, 0, SEEK_SET) != 0) throw_errno("cannot read", where);
  return read_fd(left, where, size) == read_fd(right, where, size);
}

// Not open: what is there has other octets. Error: it cannot be read.
static Fd open_if_same(int dir, const std::string& name, const UnnamedFile& ours, const std::string& where) {
  auto existing = open_hostile(dir, name);
  throw_if_broken(existing, where);
  if (existing.problem != HostileProblem::none || !same_content(ours.fd(), existing.fd.get(), ours.size(), where)) return {};
  return std::move(existing.fd);
}

// The name is taken: by an earlier try that was cut before it could say so (the same bytes; perhaps not yet synced), or by something else.
static Linked compare_with_existing(int dir, const std::string& name, const UnnamedFile& ours, const std::string& where) {
  const auto existing = open_if_same(dir, name, ours, where);
  if (!existing) return Linked::different;
  sync_file(existing.get(), where);
  return Linked::identical;
}

// False: the name is taken.
static bool link_unnamed(int dir, const std::string& name, int content, const std::string& where) {
  char source[64];
  std::snprintf(source, sizeof source, "/proc/self/fd/%d", content);
  if (::linkat(AT_FDCWD, source, dir, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
  if (errno != EEXIST) throw_errno("cannot name", where);
  return false;
}

static std::optional<Error> error_of(const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

// ext4 loses a linked file in a power cut until its directory is synced.
void CommitGroup::sync_names() {
  std::set<std::pair<dev_t, ino_t>> known;
  std::vector<Synced> all;
  for (const auto& file : files_) {
    struct stat info {};
    if (::fstat(file->dir, &info) != 0) throw_errno("cannot sync", file->where);
    if (known.insert({info.st_dev, info.st_ino}).second) all.push_back({file->dir, file->where});
  }
  sync_together(all);
}

// A name that could not be made durable must not be found later and taken for one that was. Best effort: the Error is on its way already.
void CommitGroup::take_back(const std::vector<Outcome>& outcomes) noexcept {
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (!outcomes[i].trouble && outcomes[i].linked == Linked::created) static_cast<void>(::unlinkat(files_[i]->dir, files_[i]->name.c_str(), 0));
}

template <class Link>
std::vector<CommitGroup::Outcome> CommitGroup::commit_by(const Link& link) {
  std::vector<Outcome> outcomes;
  if (files_.empty()) return outcomes;
  // Data before names: after a crash a name must never lead to a file without its bytes. Names before success.
  sync_data();
  try {
    for (const auto& file : files_) outcomes.push_back(link(*file));
    sync_names();
  } catch (...) {
    take_back(outcomes);
    throw;
  }
  files_.clear();
  return outcomes;
}

std::vector<Linked> CommitGroup::commit() {
  std::vector<Linked> answers;
  const auto name_or_throw = [](const File& file) {
    const bool made = link_unnamed(file.dir, file.name, file.content.fd(), file.where);
    return Outcome{made ? Linked::created : compare_with_existing(file.dir, file.name, file.content, file.where), {}, file.name};
  };
  for (const auto& outcome : commit_by(name_or_throw)) answers.push_back(outcome.linked);
  return answers;
}

std::vector<CommitGroup::Outcome> CommitGroup::commit_each(const Another& another) {
  return commit_by([&another](File& file) {
    for (;;) {
      bool made = false;
      const auto trouble = error_of([&] { made = link_unnamed(file.dir, file.name, file.content.fd(), file.where); });
      if (trouble) return Outcome{Linked::different, trouble, file.name};
      if (made) return Outcome{Linked::created, {}, file.name};
      Fd existing;  // what cannot be read (a damaged inode, a bad sector) is not known to be the same
      static_cast<void>(error_of([&] { existing = open_if_same(file.dir, file.name, file.content, file.where); }));
      if (existing) sync_file(existing.get(), file.where);  // one of the group's syncs
      if (existing) return Outcome{Linked::identical, {}, file.name};
      const auto next = another(file.name);
      if (!next) return Outcome{Linked::different, {}, file.name};
      file.name = *next;
    }
  });
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

struct ReplaceGroup::File {
  Fd dir, fd;
  std::string name, temporary, where;
};

ReplaceGroup::ReplaceGroup() = default;
ReplaceGroup::~ReplaceGroup() = default;

void ReplaceGroup::add(Fd dir, const std::string& name, ByteView content, mode_t mode, const std::string& where) {
  auto file = std::make_unique<File>(File{std::move(dir), {}, name, "." + name + ".new", where});
  unlink_at(file->dir.get(), file->temporary);  // what a crash between writing and renaming left
  file->fd = Fd(::openat(file->dir.get(), file->temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file->fd || ::fchmod(file->fd.get(), mode) != 0) throw_errno("cannot write", where);
  write_all(file->fd.get(), content, where);
  files_.push_back(std::move(file));
}

void ReplaceGroup::add(const std::string& path, ByteView content, mode_t mode) {
  auto [dir, name] = parent_and_name(path);
  add(std::move(dir), name, content, mode, path);
}


std::vector<std::optional<Error>> ReplaceGroup::commit() {
  std::vector<Synced> octets, names;
  for (const auto& file : files_) {
    octets.push_back({file->fd.get(), file->where});
    names.push_back({file->dir.get(), file->where});
  }
  sync_together(octets);  // before the rename: or a power cut leaves the new name with no bytes
  std::vector<std::optional<Error>> answers;
  for (const auto& file : files_)
    answers.push_back(error_of([&file] {
      if (::renameat(file->dir.get(), file->temporary.c_str(), file->dir.get(), file->name.c_str()) != 0) throw_errno("cannot replace", file->where);
    }));
  sync_together(names);
  files_.clear();
  return answers;
}

static void replace_one(ReplaceGroup& group) {
  if (const auto error = group.commit().front()) throw Error(*error);
}

void replace_file(int dir, const std::string& name, ByteView content, mode_t mode, const std::string& where) {
  ReplaceGroup group;
  group.add(open_dir_at(dir, "."), name, content, mode, where);
  replace_one(group);
}

void replace_file(const std::string& path, ByteView content, mode_t mode) {
  ReplaceGroup group;
  group.add(path, content, mode);
  replace_one(group);
}

Renamed rename_new(int from_dir, const std::string& from, int to_dir, const std::string& to) {
  if (::renameat2(from_dir, from.c_str(), to_dir, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return {errno, false};
  if (::faccessat(to_dir, to.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return {EEXIST, true};
  return {::renameat(from_dir, from.c_str(), to_dir, to.c_str()) == 0 ? 0 : errno, true};
}

void move_file(int from_dir, const std::string& from, int to_dir, const std::string& to, const std::string& where) {
  if (const auto moved = rename_new(from_dir, from, to_dir, to); moved.error != 0) throw_errno("cannot move", where, moved.error);
  // The new place first: a crash between the two may show the file twice in the journal's order, but never nowhere.
  sync_dir(to_dir, where);
  sync_dir(from_dir, where);
}

// What cannot be read is not known to be the same. The one that stays must be durable before the other goes.
static bool is_stored_already(int left_dir, const std::string& left, int right_dir, const std::string& right, const std::string& where) {
  try {
    const auto one = open_hostile(left_dir, left), other = open_hostile(right_dir, right);
    if (one.problem != HostileProblem::none || other.problem != HostileProblem::none) return false;
    if (!same_content(one.fd.get(), other.fd.get(), static_cast<std::uint64_t>(one.info.st_size), where)) return false;
    sync_file(other.fd.get(), where);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string move_file_beside(int from_dir, const std::string& from, int to_dir, const std::string& to, const std::string& where) {
  constexpr int kMostBeside = 100;
  for (int number = 1; number <= kMostBeside; ++number) {
    const auto name = number == 1 ? to : to + "." + std::to_string(number);
    if (::renameat2(from_dir, from.c_str(), to_dir, name.c_str(), RENAME_NOREPLACE) == 0) {
      sync_dir(to_dir, where);
      sync_dir(from_dir, where);
      return name;
    }
    if (errno != EEXIST) throw_errno("cannot move", where);
    if (!is_stored_already(from_dir, from, to_dir, name, where)) continue;
    sync_dir(to_dir, where);
    unlink_at(from_dir, from);
    return name;
  }
  throw_errno("cannot move", where, EEXIST);
}

void sync_dir(int dir, const std::string& where) { sync_file(dir, where); }

}  // namespace shutterseal
