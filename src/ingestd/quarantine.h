// SPDX-License-Identifier: Apache-2.0
// What was refused, kept: quarantine/cam-ID/RECEIVEDMS-DIGEST16.parcel with a .reason beside it.
// SECURITY: a stolen camera may send rubbish for ever. Beyond the quota of a camera (a file counts its size and a block) each refusal is one line of
// cam-ID/overflow with digest and reason: neither disk nor inodes run out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/base/fd.h"
#include "src/envelope/envelope.h"
#include "src/ingestd/drop.h"

namespace shutterseal::ingestd {

class Quarantine {
 public:
  Quarantine(std::string directory, std::uint64_t quota) : directory_(std::move(directory)), quota_(quota) {}
  // With all its octets. Durable when it returns. `reason` is one line for people: the verdict, and where.
  void keep(const JudgedDrop& judged, const Digest& digest, const std::string& reason);
  // Something that is no drop (a symlink, a directory, a file too large): moved here as it is when on the same file system.
  // False: it could only be described; the caller may remove it.
  [[nodiscard]] bool take(int from_dir, const CameraId& camera, const std::string& name, const struct stat& info, const std::string& reason);

 private:
  [[nodiscard]] Fd folder(const CameraId& camera) const;
  void note_overflow(const CameraId& camera, const std::string& line) const;
  [[nodiscard]] bool has_room(const CameraId& camera, std::uint64_t octets);
  std::string directory_;
  std::uint64_t quota_;
  std::map<CameraId, std::uint64_t> used_;
};

}  // namespace shutterseal::ingestd
