// SPDX-License-Identifier: Apache-2.0
#include "src/server/adopt.h"

#include "src/base/error.h"

namespace shutterseal::server {

static constexpr std::uint64_t kRowsInTransaction = 256;
static constexpr std::size_t kLargestEnvelope = envelope::kLargestContent + envelope::kLargestOverhead;

Verdict stored_verdict(const CameraId& camera, const envelope::Judged& judged, TimeMs not_after, TimeMs received_at, const ledger::Index& index) {
  const auto& passage = judged.passage;
  if (index.is_fork(camera, passage.chain, passage.sequence, judged.digest, passage.previous)) return Verdict::fork;
  if (received_at > not_after) return Verdict::expired;
  return judged.verdict;
}

ledger::Row make_row(const CameraId& camera, const envelope::Judged& judged, Verdict verdict, TimeMs received_at,
                     const evidence::Location& location, ledger::Place place) {
  const auto& passage = judged.passage;
  return {.camera = camera,
          .sealed_at = passage.sealed_at,
          .chain = passage.chain,
          .sequence = passage.sequence,
          .digest = judged.digest,
          .previous = passage.previous,
          .received_at = received_at,
          .kind = passage.kind,
          .verdict = verdict,
          .size = judged.size,
          .note = passage.note.value_or(""),
          .location = location,
          .place = place};
}

namespace {

class Adopter {
 public:
  Adopter(const Shelf& shelf, ledger::Index& index, const registry::Registry& registry, const JudgeOne& judge)
      : store_(shelf.store), place_(shelf.place), index_(index), judge_(judge), signers_(registry) {}
  void one(const evidence::Store::Found& found) {
    ++adoption.seen;
    adoption.row.reset();
    if (index_.has_location(found.received_at, found.location)) return;  // the usual case: nothing is read
    const auto content = store_.get(found.location, kLargestEnvelope);
    const auto& signers = signers_.of(found.camera);
    const auto judged = judge_(content, found.camera, signers);
    const auto* signer = find_signer(signers, judged.certificate);
    if (!is_stored(judged.verdict) || !signer) {
      adoption.left_out.push_back(found.location + ": " + std::string(verdict_name(judged.verdict)));
      return;
    }
    if (index_.contains(judged.passage.chain, judged.passage.sequence, judged.digest)) return;
    const auto verdict = stored_verdict(found.camera, judged, signer->not_after, found.received_at, index_);
    auto row = make_row(found.camera, judged, verdict, found.received_at, found.location, place_);
    if (!index_.insert(row)) return;
    adoption.row = std::move(row);
    unsettled_.push_back(found.location);
    ++adoption.adopted;
  }
  // Names before rows: a row leads to a receipt, and the camera deletes what that covers.
  void commit() {
    store_.settle(unsettled_);
    unsettled_.clear();
    index_.commit();
  }
  Adoption adoption;

 private:
  evidence::Store& store_;
  ledger::Place place_;
  std::vector<evidence::Location> unsettled_;
  ledger::Index& index_;
  const JudgeOne& judge_;
  SignerCache signers_;
};

}  // namespace

Adoption adopt(const Shelf& shelf, ledger::Index& index, const registry::Registry& registry, TimeMs since, const JudgeOne& judge,
               const std::function<void(const Adoption&)>& progress) {
  Adopter adopter(shelf, index, registry, judge);
  index.begin();
  try {
    const auto visit = [&](const evidence::Store::Found& found) {
      adopter.one(found);
      progress(adopter.adoption);
      if (adopter.adoption.seen % kRowsInTransaction != 0) return;
      adopter.commit();
      index.begin();
    };
    shelf.store.walk(since, visit, [&](const std::string& name) { adopter.adoption.left_out.push_back(name + ": not a name of ours"); });
    adopter.commit();
  } catch (...) {
    index.rollback();
    throw;
  }
  return std::move(adopter.adoption);
}

}  // namespace shutterseal::server
