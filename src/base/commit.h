// SPDX-License-Identifier: Apache-2.0
// The one way in which this project makes a file that must survive a power cut. Nothing else calls link, rename or fsync on
// files that hold evidence, envelopes, keys or state.
//
// Calling sequence: CommitGroup g; g.add(...) for each file; g.commit(). After commit() returns, every file of the group is
// on stable storage under its name, complete. After an Error, or a crash before it returns, a name holds its whole file or nothing.
#pragma once

#include <sys/types.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/error.h"
#include "src/base/fd.h"

namespace shutterseal {

enum class Linked {
  created,
  identical,  // the name existed with the same bytes: an earlier try, cut between link and what should follow it
  different,  // the name existed with other bytes: left alone, nothing written
};

// Octets in a file without a name (O_TMPFILE): a crash leaves no litter. The disk is at it already; durable is nothing before CommitGroup::commit().
class UnnamedFile {
 public:
  // In the file system of `dir`, and near it. `where` names the file in errors.
  UnnamedFile(int dir, std::initializer_list<ByteView> pieces, mode_t mode, const std::string& where);
  void append(ByteView piece, const std::string& where);  // of what is too large to be held in memory
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  Fd fd_;
  std::uint64_t size_ = 0;
};

class CommitGroup {
 public:
  CommitGroup();
  ~CommitGroup();
  CommitGroup(const CommitGroup&) = delete;
  CommitGroup& operator=(const CommitGroup&) = delete;

  // `dir`, of the file's file system, must stay open until commit(). `where` names the file in errors.
  void add(int dir, const std::string& name, UnnamedFile file, const std::string& where);
  void add(int dir, const std::string& name, std::initializer_list<ByteView> pieces, mode_t mode, const std::string& where);
  // Sync the data (two or more on one file system that is known to honour it: one syncfs, else fsync each), link each file without
  // overwriting, sync each directory once. One answer per add(), in order.
  // A failed sync fails the whole group and is never tried again on the same pages: the kernel may have dropped them clean. Names that
  // this call made are taken back then.
  [[nodiscard]] std::vector<Linked> commit();
  // The same where one file's trouble is not the others': a name that could not be made has its Error, and none of the rest is taken back for it.
  // What throws, still: a sync that failed. A name that something else has is left to that: `another` gives the next to try, or nothing.
  struct Outcome {
    Linked linked = Linked::different;
    std::optional<Error> trouble = {};  // then `linked` says nothing
    std::string name = {};              // that it has in the end
  };
  using Another = std::function<std::optional<std::string>(const std::string& taken)>;
  [[nodiscard]] std::vector<Outcome> commit_each(const Another& another);

 private:
  struct File;
  void sync_data();
  void sync_names();
  template <class Link>
  [[nodiscard]] std::vector<Outcome> commit_by(const Link& link);
  void take_back(const std::vector<Outcome>& outcomes) noexcept;
  std::vector<std::unique_ptr<File>> files_;
};

// A group of one. Error cannot_create when the name exists with other bytes.
void commit_file(int dir, const std::string& name, ByteView content, mode_t mode, const std::string& where);
void commit_file(const std::string& path, ByteView content, mode_t mode);
// State that is replaced as a whole: a reader, and a crash, sees the old file or the new one, never a mixture. Temporary name ".NAME.new".
// Of several, each in its directory: one sync for all their octets and one for all their names, as in CommitGroup.
class ReplaceGroup {
 public:
  ReplaceGroup();
  ~ReplaceGroup();
  ReplaceGroup(const ReplaceGroup&) = delete;
  ReplaceGroup& operator=(const ReplaceGroup&) = delete;
  void add(Fd dir, const std::string& name, ByteView content, mode_t mode, const std::string& where);
  void add(const std::string& path, ByteView content, mode_t mode);
  // One answer per add(), in order: nothing, or why this one could not be renamed. Error: a sync failed, and none may be trusted.
  [[nodiscard]] std::vector<std::optional<Error>> commit();

 private:
  struct File;
  std::vector<std::unique_ptr<File>> files_;
};
void replace_file(int dir, const std::string& name, ByteView content, mode_t mode, const std::string& where);
void replace_file(const std::string& path, ByteView content, mode_t mode);
// rename(2) within one file system that refuses to overwrite, and syncs nothing. Where the file system cannot refuse (NFS, sshfs) it is looked for the name
// before, which is as good as long as nobody else makes names in `to_dir`.
struct Renamed {
  int error = 0;          // errno, or 0
  bool by_looking = false;
};
[[nodiscard]] Renamed rename_new(int from_dir, const std::string& from, int to_dir, const std::string& to);
// The same, both directories synced: for moving, not for making.
void move_file(int from_dir, const std::string& from, int to_dir, const std::string& to, const std::string& where);
// The same where the name may be taken: by the same octets, and the move has succeeded (an earlier try, a copy that somebody put back); by others, and
// this one is named TO.2, TO.3 … beside them. Gives the name that it has now.
std::string move_file_beside(int from_dir, const std::string& from, int to_dir, const std::string& to, const std::string& where);
void sync_dir(int dir, const std::string& where);

}  // namespace shutterseal
