// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/quarantine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"
#include "src/envelope/keys.h"

namespace shutterseal::ingestd {

static constexpr mode_t kFileMode = 0440, kDirMode = 0750;
static constexpr std::uint64_t kBlock = 4096;
static constexpr std::size_t kPiece = 256 * 1024;         // of a file that is copied
static constexpr std::uint64_t kFirstOctets = 1024 * 1024;  // of one that is too large to be read: for its description

Fd Quarantine::folder(const CameraId& camera) const { return make_dir_at(open_dir(directory_).get(), camera.account(), kDirMode); }

std::uint64_t Quarantine::count(const CameraId& camera) const {
  const auto dir = folder(camera);
  std::uint64_t used = 0;
  for (const auto& name : list_dir(dir.get())) {
    struct stat info {};
    if (::fstatat(dir.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) used += static_cast<std::uint64_t>(info.st_size) + kBlock;
  }
  return used;
}

// The thing and its reason.
static std::uint64_t cost_of(std::uint64_t octets) { return octets + 2 * kBlock; }

// Counted once from the directory, then kept in memory: removing by hand makes room at the next start.
bool Quarantine::has_room(const CameraId& camera, std::uint64_t octets) {
  const auto cost = cost_of(octets);
  const auto free = free_space(open_dir(directory_).get());
  if (free - std::min(free, limits_.free_least) < cost) return false;
  const std::lock_guard guard(mutex_);
  auto known = used_.find(camera);
  if (known == used_.end()) known = used_.emplace(camera, count(camera)).first;
  auto& used = known->second;
  if (limits_.quota - std::min(used, limits_.quota) < cost) return false;
  used += cost;
  return true;
}

void Quarantine::give_back(const CameraId& camera, std::uint64_t octets) {
  const std::lock_guard guard(mutex_);
  used_[camera] -= std::min(used_[camera], cost_of(octets));
}

// True: it was made now.
static bool open_overflow(int dir, Fd& file) {
  static constexpr int kFlags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC;
  file = Fd(::openat(dir, "overflow", kFlags));
  if (file || errno != ENOENT) return false;
  file = Fd(::openat(dir, "overflow", kFlags | O_CREAT, 0640));
  return true;
}

void Quarantine::note_overflow(const CameraId& camera, const std::string& lines) const {
  const auto dir = folder(camera);
  const auto where = directory_ + "/" + camera.account() + "/overflow";
  Fd file;
  const bool made = open_overflow(dir.get(), file);
  if (!file) throw_errno("cannot write", where);
  write_all(file.get(), as_bytes(lines), where);
  if (::fsync(file.get()) != 0) throw_errno("cannot sync", where);
  if (made) sync_dir(dir.get(), where);
}

// Of what has a digest.
static std::string overflow_line(TimeMs received, const Digest& digest, std::uint64_t size, const std::string& reason) {
  return rfc3339_ms(received) + " " + digest.hex() + " " + std::to_string(size) + " " + reason + "\n";
}

static std::string reason_text(const CameraId& camera, const std::string& name, TimeMs received, std::uint64_t size, const std::string& digest,
                               const std::string& reason) {
  return format_key_value("format", "1") + format_key_value("camera", camera.text()) + format_key_value("name", escape_untrusted(name)) +
         format_key_value("received", rfc3339_ms(received)) + format_key_value("size", std::to_string(size)) + format_key_value("sha256", digest) +
         format_key_value("reason", reason);
}

void Quarantine::add(CommitGroup& group, int dir, const Refused& refused) const {
  const auto& drop = refused.judged->drop;
  const auto& octets = refused.judged->octets;
  const auto name = std::to_string(drop.received_at) + "-" + refused.digest.hex().substr(0, 16);
  const auto where = directory_ + "/" + drop.camera.account() + "/" + name;
  const auto text = reason_text(drop.camera, drop.dropped_as(), drop.received_at, octets.size(), refused.digest.hex(), refused.reason);
  group.add(dir, name + ".reason", {as_bytes(text)}, kFileMode, where + ".reason");
  group.add(dir, name + ".parcel", {octets}, kFileMode, where + ".parcel");
}

std::map<CameraId, std::string> Quarantine::keep(const std::vector<Refused>& all) {
  std::map<CameraId, std::string> troubles, overflows;
  std::map<CameraId, Fd> folders;
  CommitGroup group;
  const auto guarded = [&](const CameraId& camera, const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::system) throw;
      troubles.emplace(camera, error.what());
    }
  };
  const auto keep_one = [&](const Refused& refused) {
    const auto& drop = refused.judged->drop;
    const auto size = refused.judged->octets.size();
    if (has_room(drop.camera, size)) {
      auto& dir = folders[drop.camera];
      if (!dir) dir = folder(drop.camera);
      add(group, dir.get(), refused);
    } else {
      overflows[drop.camera] += overflow_line(drop.received_at, refused.digest, size, refused.reason);
    }
  };
  for (const auto& refused : all) guarded(refused.judged->drop.camera, [&] { keep_one(refused); });
  static_cast<void>(group.commit());
  for (const auto& [camera, lines] : overflows) guarded(camera, [&, &camera = camera, &lines = lines] { note_overflow(camera, lines); });
  return troubles;
}

// At most `most` octets from the beginning; gives how many there were.
static std::uint64_t read_through(int fd, std::uint64_t most, const std::function<void(ByteView)>& take) {
  Bytes buffer(kPiece);
  std::uint64_t at = 0;
  while (at < most) {
    const auto got = ::pread(fd, buffer.data(), std::min<std::uint64_t>(buffer.size(), most - at), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read", "a drop");
    if (got == 0) break;
    take(ByteView(buffer).first(static_cast<std::size_t>(got)));
    at += static_cast<std::uint64_t>(got);
  }
  return at;
}

// One octet more is read: it may have grown.
static std::optional<Digest> digest_of(const Drop& drop, const std::function<void(ByteView)>& take) {
  envelope::Sha256 digest;
  const auto size = read_through(drop.file.get(), drop.unjudged->size + 1, [&](ByteView piece) {
    digest.update(piece);
    take(piece);
  });
  return size == drop.unjudged->size ? std::optional(digest.finish()) : std::nullopt;
}

static std::string reason_of(const Drop& drop) {
  return std::string(verdict_name(drop.unjudged->verdict)) + ": " + drop.unjudged->why;
}

// Named by the time of its last change: what comes again, because its receipt could not be written, is the same file here.
std::optional<Digest> Quarantine::copy(const Drop& drop) {
  const auto dir = folder(drop.camera);
  const auto path = directory_ + "/" + drop.camera.account() + "/";
  UnnamedFile copy(dir.get(), {}, kFileMode, path);
  const auto digest = digest_of(drop, [&](ByteView piece) { copy.append(piece, path); });
  if (!digest) return std::nullopt;
  const auto name = std::to_string(drop.unjudged->changed_at) + "-" + digest->hex().substr(0, 16);
  struct stat info {};
  if (::fstatat(dir.get(), (name + ".parcel").c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    give_back(drop.camera, drop.unjudged->size);
    return digest;
  }
  const auto text = reason_text(drop.camera, drop.dropped_as(), drop.received_at, drop.unjudged->size, digest->hex(), reason_of(drop));
  CommitGroup group;
  group.add(dir.get(), name + ".reason", {as_bytes(text)}, kFileMode, path + name + ".reason");
  group.add(dir.get(), name + ".parcel", std::move(copy), path + name + ".parcel");
  static_cast<void>(group.commit());
  return digest;
}

std::optional<Digest> Quarantine::keep_unjudged(const Drop& drop) {
  const auto size = drop.unjudged->size;
  if (has_room(drop.camera, size)) {
    try {
      auto digest = copy(drop);
      if (!digest) give_back(drop.camera, size);
      return digest;
    } catch (...) {
      give_back(drop.camera, size);
      throw;
    }
  }
  const auto digest = digest_of(drop, [](ByteView) {});
  if (digest) note_overflow(drop.camera, overflow_line(drop.received_at, *digest, size, reason_of(drop)));
  return digest;
}

void Quarantine::probe(const CameraId& camera) const { static_cast<void>(folder(camera)); }

// The name tells two such things of one millisecond apart, and says nothing that the peer chose.
static std::string name_of_thing(const std::string& name, TimeMs now) {
  return std::to_string(now) + "-" + envelope::sha256(as_bytes(name)).hex().substr(0, 16);
}

static std::string device_text(const char* kind, const struct stat& info) {
  return std::string(kind) + " " + std::to_string(major(info.st_rdev)) + ":" + std::to_string(minor(info.st_rdev));
}

static std::string link_text(int dir, const std::string& name) {
  char target[4096];
  const auto size = ::readlinkat(dir, name.c_str(), target, sizeof target);
  return "symbolic link to " + (size < 0 ? "?" : quote_untrusted({target, static_cast<std::size_t>(size)}));
}

static std::string first_octets_text(int dir, const std::string& name) {
  const auto file = open_hostile(dir, name);
  if (file.problem != HostileProblem::none) return "unreadable";
  envelope::Sha256 digest;
  const auto size = read_through(file.fd.get(), kFirstOctets, [&digest](ByteView piece) { digest.update(piece); });
  return "too large to be digested, sha256 of its first " + std::to_string(size) + " octets " + digest.finish().hex();
}

// All that will be known of it, should it have to go.
static std::string thing_text(int dir, const std::string& name, const struct stat& info) {
  switch (info.st_mode & S_IFMT) {
    case S_IFREG: return first_octets_text(dir, name);
    case S_IFLNK: return link_text(dir, name);
    case S_IFDIR: return "directory";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFCHR: return device_text("character device", info);
    case S_IFBLK: return device_text("block device", info);
    default: return "mode " + std::to_string(info.st_mode);
  }
}

bool Quarantine::take(int from_dir, const CameraId& camera, const std::string& name, const struct stat& info, const std::string& why) {
  const auto dir = folder(camera);
  const auto now = now_ms();
  const auto target = name_of_thing(name, now);
  const auto size = static_cast<std::uint64_t>(info.st_size > 0 ? info.st_size : 0);
  const auto reason = why + ", " + thing_text(from_dir, name, info);
  // Another file system (EXDEV) is no reason to let it lie there: then the description alone is kept.
  if (!has_room(camera, size) || ::renameat2(from_dir, name.c_str(), dir.get(), (target + ".thing").c_str(), RENAME_NOREPLACE) != 0) {
    note_overflow(camera, rfc3339_ms(now) + " - " + std::to_string(size) + " " + reason + " " + quote_untrusted(name) + "\n");
    return false;
  }
  CommitGroup group;
  const auto text = reason_text(camera, name, now, size, "-", reason);
  group.add(dir.get(), target + ".reason", {as_bytes(text)}, kFileMode, directory_ + "/" + target);
  static_cast<void>(group.commit());
  return true;
}

}  // namespace shutterseal::ingestd
