// SPDX-License-Identifier: Apache-2.0
// From a judged envelope to its index row, the same way for a fresh drop, for evidence that a crash left without a row, and for a
// rebuild of the whole index.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/evidence/evidence.h"
#include "src/ledger/index.h"
#include "src/server/trust.h"

namespace shutterseal::server {

// With which flag an envelope with a good signature is stored. The caller has asked index.contains() before.
[[nodiscard]] Verdict stored_verdict(const CameraId& camera, const envelope::Judged& judged, TimeMs not_after, TimeMs received_at,
                                     const ledger::Index& index);
[[nodiscard]] ledger::Row make_row(const CameraId& camera, const envelope::Judged& judged, Verdict verdict, TimeMs received_at,
                                   const evidence::Location& location, ledger::Place place);

// Judges one envelope of a camera; in the daemon by a verifier process.
using JudgeOne = std::function<envelope::Judged(ByteView, const CameraId&, const std::vector<Signer>&)>;

struct Adoption {
  std::uint64_t seen = 0, adopted = 0;
  std::optional<ledger::Row> row;     // of the file just seen, when it was adopted; not committed yet
  std::vector<std::string> left_out;  // "LOCATION: VERDICT" of files that could not be indexed; they stay where they are
};
// One of the two stores, and what its name says of what lies in it: evidence or put_aside.
struct Shelf {
  evidence::Store& store;
  ledger::Place place;
};
// Gives every file of a store received at or after `since` its row, in transactions of a few hundred. `progress` is called for each.
[[nodiscard]] Adoption adopt(const Shelf& shelf, ledger::Index& index, const registry::Registry& registry, TimeMs since,
                             const JudgeOne& judge, const std::function<void(const Adoption&)>& progress);

}  // namespace shutterseal::server
