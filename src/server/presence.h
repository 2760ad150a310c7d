// SPDX-License-Identifier: Apache-2.0
// Whether what the index speaks of is there. A receipt rests on rows, and a camera lets go of what it covers: below an index that is newer than the
// evidence (a disk that is not mounted, a restored backup) each row is a promise that nobody can keep.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/evidence/evidence.h"
#include "src/ledger/index.h"

namespace shutterseal::server {

struct Presence {
  std::optional<std::string> missing;  // why this camera must wait: nothing of its newest is where the index says
  std::vector<ledger::Row> lost;       // single ones that are gone, while others beside them are there: to be forgotten
};
// Looks for the newest envelope of a camera by the order of commit; where that is not there, for those before it. Error: that cannot be told.
[[nodiscard]] Presence look_for_newest(const evidence::Store& evidence, const evidence::Store& put_aside, const ledger::Index& index, const CameraId& camera);

[[nodiscard]] std::string reason_of(const ledger::Row& missing, const char* why);  // for people

}  // namespace shutterseal::server
