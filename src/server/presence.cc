// SPDX-License-Identifier: Apache-2.0
#include "src/server/presence.h"

#include "src/base/error.h"

namespace shutterseal::server {

static constexpr std::size_t kMostLooked = 256;  // backwards, from the newest
static constexpr std::size_t kEnough = 16;       // that are there, one after the other

std::string reason_of(const ledger::Row& row, const char* why) {
  return "the index knows '" + row.location + "', which is not there" + why + ": mount the evidence, or after restoring it run 'shutterseal index rebuild'";
}

static std::optional<ledger::Row> newest_of(const ledger::Index& index, const CameraId& camera) {
  const auto runs = index.runs(camera, 1);
  return runs.empty() ? std::nullopt : index.find_digest(runs.front().last_digest);
}

Presence look_for_newest(const evidence::Store& evidence, const evidence::Store& put_aside, const ledger::Index& index, const CameraId& camera) {
  const auto newest = newest_of(index, camera);
  const auto is_there = [&](const ledger::Row& row) { return (row.place == ledger::Place::evidence ? evidence : put_aside).contains(row.location, row.size); };
  if (!newest || is_there(*newest)) return {};
  // What lies below a mount point while nothing is mounted there is what was there before.
  if (index.was_apart(camera) && !evidence.is_apart(camera)) return {reason_of(*newest, " (it lay on a file system of its own)"), {}};
  Presence presence;
  std::size_t found = 0, in_line = 0;
  auto row = newest;
  for (std::size_t looked = 0; row && row->camera == camera && looked < kMostLooked && in_line < kEnough; ++looked) {
    if (is_there(*row)) {
      ++found;
      ++in_line;
    } else {
      presence.lost.push_back(*row);
      in_line = 0;
    }
    row = index.find_digest(row->previous);
  }
  if (found == 0) return {reason_of(*newest, ""), {}};
  return presence;
}

}  // namespace shutterseal::server
