// SPDX-License-Identifier: Apache-2.0
// The verdict on what is stored, once more: what a theft that became known since makes of it. A function of camera.conf and the index, found anew
// each time, so that nothing is moved or rewritten when a theft is known late or found to be older.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "src/ledger/theft.h"
#include "src/registry/registry.h"

namespace shutterseal::server {

// Reads each camera's state once. Errors: Registry::find()'s.
class Thefts {
 public:
  // `index` is asked for when the first stolen camera comes up; null: then everything of it is void that nothing added leads to.
  Thefts(const registry::Registry& registry, std::function<const ledger::Index*()> index) : registry_(registry), index_(std::move(index)) {}
  [[nodiscard]] ledger::Theft* of(const CameraId& camera);  // null: not stolen

 private:
  const registry::Registry& registry_;
  std::function<const ledger::Index*()> index_;
  std::map<CameraId, std::optional<ledger::Theft>> known_;
};

// void_after_theft where `theft` (may be null) makes it so, else `flag`; and the proof that it does not.
struct Weighed {
  Verdict verdict;
  ledger::Proof proof;
};
[[nodiscard]] Weighed weigh(ledger::Theft* theft, const ledger::Link& link, Verdict flag);

// Counts in what was put aside before `came`, now in the index, was there to lead to it; gives those rows. Inside a transaction.
[[nodiscard]] std::vector<ledger::Row> acquit(ledger::Index& index, ledger::Theft& theft, const ledger::Link& came);
// All that is put aside, of every camera in the registry. One whose camera.conf is broken waits until it is mended.
void acquit_all(ledger::Index& index, const registry::Registry& registry);

}  // namespace shutterseal::server
