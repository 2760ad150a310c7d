// SPDX-License-Identifier: Apache-2.0
#include "src/server/theft.h"

#include "src/base/error.h"
#include "src/registry/revocation.h"

namespace shutterseal::server {

static std::optional<ledger::Theft> find_theft(const registry::Registry& registry, const std::function<const ledger::Index*()>& index, const CameraId& id) {
  const auto camera = registry.find(id);
  const auto since = camera ? registry::theft_time(*camera) : std::nullopt;
  if (!since) return std::nullopt;
  return ledger::Theft(index(), id, *since);
}

ledger::Theft* Thefts::of(const CameraId& camera) {
  auto known = known_.find(camera);
  if (known == known_.end()) known = known_.emplace(camera, find_theft(registry_, index_, camera)).first;
  return known->second ? &*known->second : nullptr;
}

Weighed weigh(ledger::Theft* theft, const ledger::Link& link, Verdict flag) {
  if (!theft) return {flag, {}};
  const auto proof = theft->proof_of(link);
  return {proof ? flag : Verdict::void_after_theft, proof};
}

// Backwards from what came, so that nothing is read of what a thief has heaped up.
std::vector<ledger::Row> acquit(ledger::Index& index, ledger::Theft& theft, const ledger::Link& came) {
  if (!theft.proof_of(came)) return {};
  auto acquitted = theft.newly_good(came);
  std::erase_if(acquitted, [](const ledger::Row& row) { return row.place != ledger::Place::put_aside; });
  for (const auto& row : acquitted) index.acquit(row);
  return acquitted;
}

static std::optional<ledger::Theft> find_readable_theft(const registry::Registry& registry, const ledger::Index& index, const CameraId& id) {
  try {
    return find_theft(registry, [&index] { return &index; }, id);
  } catch (const Error&) {
    return std::nullopt;
  }
}

static void acquit_all_of(ledger::Index& index, const CameraId& camera, ledger::Theft& theft) {
  for (const auto& row : index.put_aside(camera))
    if (theft.proof_of(link_of(row))) index.acquit(row);
}

void acquit_all(ledger::Index& index, const registry::Registry& registry) {
  index.begin();
  try {
    for (const auto& id : registry.list())
      if (auto theft = find_readable_theft(registry, index, id)) acquit_all_of(index, id, *theft);
    index.commit();
  } catch (...) {
    index.rollback();
    throw;
  }
}

}  // namespace shutterseal::server
