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

std::vector<ledger::Row> acquit(ledger::Index& index, const CameraId& camera, ledger::Theft& theft) {
  std::vector<ledger::Row> acquitted;
  for (auto& row : index.put_aside(camera)) {
    if (!theft.proof_of(link_of(row))) continue;
    index.acquit(row);
    acquitted.push_back(std::move(row));
  }
  return acquitted;
}

static std::optional<ledger::Theft> find_readable_theft(const registry::Registry& registry, const ledger::Index& index, const CameraId& id) {
  try {
    return find_theft(registry, [&index] { return &index; }, id);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void acquit_all(ledger::Index& index, const registry::Registry& registry) {
  index.begin();
  try {
    for (const auto& id : registry.list())
      if (auto theft = find_readable_theft(registry, index, id)) static_cast<void>(acquit(index, id, *theft));
    index.commit();
  } catch (...) {
    index.rollback();
    throw;
  }
}

}  // namespace shutterseal::server
