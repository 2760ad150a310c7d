// SPDX-License-Identifier: Apache-2.0
// What was refused, kept: quarantine/cam-ID/RECEIVEDMS-DIGEST16.parcel with a .reason beside it.
// SECURITY: a stolen camera may send rubbish for ever. Beyond the quota of a camera (a file counts its size and a block) each refusal is one line of
// cam-ID/overflow with digest and reason: neither disk nor inodes run out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/base/commit.h"
#include "src/base/fd.h"
#include "src/envelope/envelope.h"
#include "src/ingestd/drop.h"

namespace shutterseal::ingestd {

class Quarantine {
 public:
  Quarantine(std::string directory, std::uint64_t quota) : directory_(std::move(directory)), quota_(quota) {}
  struct Refused {
    const JudgedDrop* judged;
    Digest digest;       // of its octets
    std::string reason;  // one line for people: the verdict, and where
  };
  // With all their octets. Durable when it returns: one sync for all of them, or rubbish would take more of the disk's time than pictures.
  void keep(const std::vector<Refused>& all);
  // Something that is no drop (a symlink, a directory, a file too large): moved here as it is when on the same file system.
  // False: it could only be described; the caller may remove it.
  [[nodiscard]] bool take(int from_dir, const CameraId& camera, const std::string& name, const struct stat& info, const std::string& reason);

 private:
  [[nodiscard]] Fd folder(const CameraId& camera) const;
  void add(CommitGroup& group, int dir, const Refused& refused) const;
  void note_overflow(const CameraId& camera, const std::string& lines) const;
  [[nodiscard]] bool has_room(const CameraId& camera, std::uint64_t octets);
  std::string directory_;
  std::uint64_t quota_;
  std::map<CameraId, std::uint64_t> used_;
};

}  // namespace shutterseal::ingestd
