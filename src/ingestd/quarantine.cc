// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/quarantine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"
#include "src/envelope/keys.h"

namespace shutterseal::ingestd {

static constexpr mode_t kFileMode = 0440, kDirMode = 0750;
static constexpr std::uint64_t kBlock = 4096;

Fd Quarantine::folder(const CameraId& camera) const { return make_dir_at(open_dir(directory_).get(), camera.account(), kDirMode); }

// Counted once from the directory, then kept in memory: removing by hand makes room at the next start.
bool Quarantine::has_room(const CameraId& camera, std::uint64_t octets) {
  const auto known = used_.find(camera);
  if (known == used_.end()) {
    const auto dir = folder(camera);
    auto& used = used_[camera];
    for (const auto& name : list_dir(dir.get())) {
      struct stat info {};
      if (::fstatat(dir.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) used += static_cast<std::uint64_t>(info.st_size) + kBlock;
    }
  }
  auto& used = used_[camera];
  const auto cost = octets + 2 * kBlock;  // the thing and its reason
  if (quota_ - std::min(used, quota_) < cost) return false;
  used += cost;
  return true;
}

void Quarantine::note_overflow(const CameraId& camera, const std::string& lines) const {
  const auto dir = folder(camera);
  const auto where = directory_ + "/" + camera.account() + "/overflow";
  const Fd file(::openat(dir.get(), "overflow", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640));
  if (!file) throw_errno("cannot write", where);
  write_all(file.get(), as_bytes(lines), where);
  if (::fsync(file.get()) != 0) throw_errno("cannot sync", where);
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
  const auto text = reason_text(drop.camera, drop.name, drop.received_at, octets.size(), refused.digest.hex(), refused.reason);
  group.add(dir, name + ".reason", {as_bytes(text)}, kFileMode, where + ".reason");
  group.add(dir, name + ".parcel", {octets}, kFileMode, where + ".parcel");
}

void Quarantine::keep(const std::vector<Refused>& all) {
  std::map<CameraId, Fd> folders;
  std::map<CameraId, std::string> overflows;
  CommitGroup group;
  for (const auto& refused : all) {
    const auto& drop = refused.judged->drop;
    const auto size = refused.judged->octets.size();
    if (has_room(drop.camera, size)) {
      auto& dir = folders[drop.camera];
      if (!dir) dir = folder(drop.camera);
      add(group, dir.get(), refused);
    } else {
      overflows[drop.camera] += rfc3339_ms(drop.received_at) + " " + refused.digest.hex() + " " + std::to_string(size) + " " + refused.reason + "\n";
    }
  }
  static_cast<void>(group.commit());
  for (const auto& [camera, lines] : overflows) note_overflow(camera, lines);
}

// The name tells two such things of one millisecond apart, and says nothing that the peer chose.
static std::string name_of_thing(const std::string& name, TimeMs now) {
  return std::to_string(now) + "-" + envelope::sha256(as_bytes(name)).hex().substr(0, 16);
}

bool Quarantine::take(int from_dir, const CameraId& camera, const std::string& name, const struct stat& info, const std::string& reason) {
  const auto dir = folder(camera);
  const auto now = now_ms();
  const auto target = name_of_thing(name, now);
  const auto size = static_cast<std::uint64_t>(info.st_size > 0 ? info.st_size : 0);
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
