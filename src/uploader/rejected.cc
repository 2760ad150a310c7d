// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/rejected.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/ids.h"
#include "src/base/key_value.h"
#include "src/base/text.h"

namespace shutterseal::uploader {

static constexpr std::size_t kMostGrowing = 256;  // the oldest is forgotten: looking at them costs a call each
static constexpr std::size_t kMostFiles = 4096;
static constexpr std::uint64_t kShare = 8;  // of the file system: a camera with a RAM disk must be able to write

static std::int64_t in_ns(const timespec& time) { return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec; }

Rejected::Rejected(std::string file, std::uint64_t limit) : file_(std::move(file)), limit_(limit) { load(); }

// The new place first: a crash between the two may show the file twice in the journal's order, but never nowhere. That a directory cannot be synced does not
// undo the move.
static void sync_both(int to, int from, const std::string& name) {
  try {
    sync_dir(to, name);
    sync_dir(from, name);
  } catch (const Error&) {
  }
}

std::string Rejected::take(int from, const std::string& name, const std::string& own, const std::string& other, const struct stat* growing) {
  if (dir_ < 0) return {};
  for (const auto& wanted : {own, other}) {
    const auto moved = rename_new(from, name, dir_, wanted);
    if (moved.error == EEXIST) continue;
    if (moved.error != 0) return {};
    sync_both(dir_, from, wanted);
    trim_due_ = true;
    if (growing) remember(wanted, *growing);
    return wanted;
  }
  return {};
}

std::vector<std::string> Rejected::changed() {
  std::vector<std::string> names;
  if (dir_ < 0) return names;
  const auto known = growing_.size();
  std::erase_if(growing_, [&](const Aside& one) {
    struct stat info {};
    if (::fstatat(dir_, one.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
    if (!S_ISREG(info.st_mode) || info.st_ino != one.inode) return true;
    if (static_cast<std::uint64_t>(info.st_size) != one.size || in_ns(info.st_mtim) != one.modified_ns) names.push_back(one.name);
    return false;
  });
  if (growing_.size() != known) save();
  return names;
}

void Rejected::remember(const std::string& name, const struct stat& info) {
  std::erase_if(growing_, [&](const Aside& one) { return one.name == name; });
  growing_.push_back({name, info.st_ino, static_cast<std::uint64_t>(info.st_size), in_ns(info.st_mtim)});
  if (growing_.size() > kMostGrowing) growing_.erase(growing_.begin());
  save();
}

void Rejected::forget(const std::string& name) {
  std::erase_if(growing_, [&](const Aside& one) { return one.name == name; });
  save();
}

namespace {

struct Kept {
  std::int64_t since_ns;  // a rename sets it
  std::uint64_t size;  // or what its blocks take
  std::string name;
};

}  // namespace

static std::vector<Kept> list_kept(int dir) {
  std::vector<Kept> all;
  for (const auto& name : list_dir(dir)) {
    struct stat info {};
    if (::fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
      all.push_back({in_ns(info.st_ctim), std::max(static_cast<std::uint64_t>(info.st_size), static_cast<std::uint64_t>(info.st_blocks) * 512), name});
  }
  std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.since_ns < b.since_ns; });
  return all;
}

static std::uint64_t share_of_file_system(int dir) {
  struct statvfs info {};
  if (::fstatvfs(dir, &info) != 0 || info.f_blocks == 0) return UINT64_MAX;  // some network file systems do not say
  return static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize / kShare;
}

std::vector<std::string> Rejected::trim() {
  std::vector<std::string> removed;
  if (dir_ < 0 || !std::exchange(trim_due_, false)) return removed;
  const auto limit = std::min(limit_, share_of_file_system(dir_));
  const auto all = list_kept(dir_);
  auto left = all.size();
  std::uint64_t octets = 0;
  for (const auto& one : all) octets += one.size;
  for (const auto& one : all) {
    if (octets <= limit && left <= kMostFiles) break;
    if (::unlinkat(dir_, one.name.c_str(), 0) != 0) continue;
    octets -= one.size;
    --left;
    removed.push_back(one.name);
  }
  return removed;
}

// ---- the file ---------------------------------------------------------------------------------------------------------------------

// A camera's software chooses the names: hexadecimal here, so that none of them can forge a line.
void Rejected::load() {
  try {
    if (!exists(file_)) return;
    const auto content = read_file(file_, kLargestTextFile);
    for (const auto& entry : parse_key_values(as_text(content), file_)) {
      const auto parts = split(entry.value, ' ');
      if (entry.key != "growing" || parts.size() != 4 || growing_.size() >= kMostGrowing) continue;
      const auto inode = parse_decimal(parts[0], UINT64_MAX), size = parse_decimal(parts[1], UINT64_MAX), since = parse_decimal(parts[2], INT64_MAX);
      const auto name = from_hex(parts[3], parts[3].size() / 2);
      if (inode && size && since && name && !name->empty()) growing_.push_back({std::string(as_text(*name)), *inode, *size, static_cast<std::int64_t>(*since)});
    }
  } catch (const Error&) {  // what grew is left in rejected/
    growing_.clear();
  }
}

void Rejected::save() {
  auto text = format_key_value("format", "1");
  for (const auto& one : growing_)
    text += format_key_value("growing", fmt::format("{} {} {} {}", one.inode, one.size, std::max<std::int64_t>(0, one.modified_ns), to_hex(as_bytes(one.name))));
  try {
    replace_file(file_, as_bytes(text), 0600);
  } catch (const Error&) {  // this process knows; putting a file aside does not wait for it
  }
}

}  // namespace shutterseal::uploader
