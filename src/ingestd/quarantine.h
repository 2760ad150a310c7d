// SPDX-License-Identifier: Apache-2.0
// What was refused, kept: quarantine/cam-ID/RECEIVEDMS-DIGEST16.parcel with a .reason beside it; .thing: what is no file of the camera's, as it lay there.
// SECURITY: a stolen camera may send rubbish for ever. Beyond the quota of a camera (a file counts its size and a block), or with less space free than
// the reserve, each refusal is one line of cam-ID/overflow with digest and reason: neither disk nor inodes run out. Nothing is removed from a drop
// directory before the one or the other is durable, wherever that directory lies.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/base/commit.h"
#include "src/base/fd.h"
#include "src/envelope/envelope.h"
#include "src/ingestd/drop.h"

namespace shutterseal::ingestd {

// Read for their digest: whole files up to this size. No uploader sends larger ones; what a thief makes by one write behind a hole of a terabyte is
// described by its size and its first octets.
inline constexpr std::uint64_t kMostDigested = std::uint64_t{256} << 20;

// May be asked by any thread.
class Quarantine {
 public:
  struct Limits {
    std::uint64_t quota = 0;       // octets of a camera
    std::uint64_t free_least = 0;  // of the file system: below this nothing is kept but lines
  };
  Quarantine(std::string directory, const Limits& limits) : directory_(std::move(directory)), limits_(limits) {}
  struct Refused {
    const JudgedDrop* judged;
    Digest digest;       // of its octets
    std::string reason;  // one line for people: the verdict, and where
  };
  // With all their octets. Durable when it returns: one sync for all of them, or rubbish would take more of the disk's time than pictures. Gives those
  // cameras of which something was not kept, because their folders take nothing, and why. Error: nothing of all may be trusted.
  [[nodiscard]] std::map<CameraId, std::string> keep(const std::vector<Refused>& all);
  void probe(const CameraId& camera) const;  // Error: why this camera's folder takes nothing
  // A file of at most kMostDigested that is refused unjudged: copied piece by piece, whatever file system it lies on, or a line. Nothing when it was not
  // the size it had: somebody still writes.
  [[nodiscard]] std::optional<Digest> keep_unjudged(const Drop& drop);
  // What is no file, or too large to be read: moved here as it is when on the same file system.
  // False: it could only be described; the caller may remove it.
  [[nodiscard]] bool take(int from_dir, const CameraId& camera, const std::string& name, const struct stat& info, const std::string& reason);

 private:
  [[nodiscard]] Fd folder(const CameraId& camera) const;
  void add(CommitGroup& group, int dir, const Refused& refused) const;
  [[nodiscard]] std::optional<Digest> copy(const Drop& drop);
  void note_overflow(const CameraId& camera, const std::string& lines) const;
  [[nodiscard]] std::uint64_t count(const CameraId& camera) const;
  [[nodiscard]] bool has_room(const CameraId& camera, std::uint64_t octets);
  void give_back(const CameraId& camera, std::uint64_t octets);
  std::string directory_;
  Limits limits_;
  std::mutex mutex_;
  std::map<CameraId, std::uint64_t> used_;
};

}  // namespace shutterseal::ingestd
