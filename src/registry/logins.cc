// SPDX-License-Identifier: Apache-2.0
#include "src/registry/logins.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/file.h"

namespace shutterseal::registry {

static constexpr TimeMs kMemory = 15LL * 60 * 1000;
static constexpr off_t kMostFailures = 64;  // octets of a file that a stranger makes grow
static constexpr std::uint32_t kBuckets = 4096;
static constexpr std::size_t kMostSeen = 10'000;
static constexpr std::size_t kSiteOctets = 8;

static std::string site_of(Address address) {
  if (!address.is_v4()) std::fill(address.octets.begin() + kSiteOctets, address.octets.end(), std::uint8_t{0});
  return address.text();
}

static TimeMs mtime_of(const struct stat& info) { return info.st_mtim.tv_sec * 1000LL + info.st_mtim.tv_nsec / 1'000'000; }

static Fd open_note(int dir, const std::string& name, int flags) {
  Fd fd(::openat(dir, name.c_str(), flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) throw_errno("cannot note", name);
  return fd;
}

static Fd notes_dir(const std::string& path, mode_t mode) {
  make_dirs(path, mode);
  return open_guarded_dir(path);
}

void Logins::note_login(const Address& address, const CameraId& id) const {
  const auto fleet = notes_dir(dir_ + "/fleet", 0755);
  struct stat info {};
  // Each folder below counts as a link of the one above, on tmpfs as on ext4.
  if (::fstat(fleet.get(), &info) != 0) throw_errno("cannot note", id.account());
  if (info.st_nlink >= most_sites_ + 2 && !exists(dir_ + "/fleet/" + site_of(address))) return;
  const auto fd = open_note(notes_dir(dir_ + "/fleet/" + site_of(address), 0755).get(), id.account(), O_WRONLY);
  if (::futimens(fd.get(), nullptr) != 0) throw_errno("cannot note", id.account());
}

std::vector<CameraId> Logins::seen_at(const Address& address, TimeMs since) const {
  std::vector<CameraId> seen;
  const auto path = dir_ + "/fleet/" + site_of(address);
  if (!exists(path)) return seen;
  const auto dir = open_guarded_dir(path);
  for (const auto& name : list_dir(dir.get(), kMostSeen)) {
    const auto id = CameraId::from_account(name);
    struct stat info {};
    if (id && ::fstatat(dir.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && mtime_of(info) >= since) seen.push_back(*id);
  }
  return seen;
}

static std::string bucket_of(std::string_view user) {
  std::uint32_t hash = 2166136261U;  // FNV-1a: spreads; nobody gains by a collision but a longer wait
  for (const char c : user) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return std::to_string(hash % kBuckets);
}

unsigned Logins::note_failure(std::string_view user) const {
  const auto name = bucket_of(user);
  const auto fd = open_note(notes_dir(dir_ + "/failures", 0700).get(), name, O_WRONLY | O_APPEND);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("cannot note", name);
  const bool stale = mtime_of(info) < now_ms() - kMemory;
  if (stale && ::ftruncate(fd.get(), 0) != 0) throw_errno("cannot note", name);
  const auto before = stale ? 0 : info.st_size;
  if (before >= kMostFailures) return kMostFailures;
  write_all(fd.get(), as_bytes("."), name);
  return static_cast<unsigned>(before) + 1;
}

void Logins::forget_failures(std::string_view user) const {
  const auto path = dir_ + "/failures";
  if (exists(path)) unlink_at(open_guarded_dir(path).get(), bucket_of(user));
}

}  // namespace shutterseal::registry
