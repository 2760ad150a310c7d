// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/tree.h"

#include <fcntl.h>

#include <cerrno>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/uploader/place.h"

namespace shutterseal::uploader {

static constexpr std::size_t kMostFolders = 10'000;  // of one look

namespace {

class Walker {
 public:
  Walker(const IgnoredNames& ignored, const TreeVisitor& visitor) : ignored_(ignored), visitor_(visitor) {}
  void walk(int dir, const std::string& folder, std::uint64_t depth);

 private:
  void enter(const TreeEntry& entry, std::uint64_t depth);
  const IgnoredNames& ignored_;
  const TreeVisitor& visitor_;
  std::size_t folders_ = 0;
};

}  // namespace

static bool is_ours(const TreeEntry& entry) { return entry.folder.empty() && (entry.name == kClaimedFolder || entry.name == kRejectedFolder); }

void Walker::walk(int dir, const std::string& folder, std::uint64_t depth) {
  for (const auto& name : list_dir(dir)) {
    TreeEntry entry{dir, folder, name, folder.empty() ? name : folder + "/" + name};
    if (is_ours(entry)) continue;
    if (ignored_.has(name, entry.path)) {
      visitor_.ignored();
      continue;
    }
    if (::fstatat(dir, name.c_str(), &entry.info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      entry.info = {};
    }
    if (S_ISDIR(entry.info.st_mode)) enter(entry, depth);
    else visitor_.file(entry);
  }
}

void Walker::enter(const TreeEntry& entry, std::uint64_t depth) {
  if (depth == 0) return visitor_.trouble(entry.path, "folder too deep");
  if (++folders_ > kMostFolders) return visitor_.trouble(entry.path, "folders too many");
  const Fd dir(::openat(entry.dir, entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir && errno == ENOENT) return;
  if (!dir) return visitor_.trouble(entry.path, "folder unreadable");
  visitor_.folder(entry.path);
  try {
    walk(dir.get(), entry.path, depth - 1);
  } catch (const Error&) {
    visitor_.trouble(entry.path, "folder unreadable");
  }
}

void walk_tree(int top, std::uint64_t depth, const IgnoredNames& ignored, const TreeVisitor& visitor) { Walker(ignored, visitor).walk(top, "", depth); }

}  // namespace shutterseal::uploader
