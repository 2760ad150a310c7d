// SPDX-License-Identifier: Apache-2.0
#include "src/server/adopt.h"

#include <algorithm>
#include <utility>

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

// ---- what has no row ------------------------------------------------------------------------------------------------------------------

Adopter::Adopter(const Shelf& shelf, ledger::Index& index, std::mutex& books, const registry::Registry& registry, JudgeOne judge, Hooks hooks)
    : store_(shelf.store), shelf_(shelf), index_(index), books_(books), judge_(std::move(judge)), hooks_(std::move(hooks)), signers_(registry) {}

// What the disk or somebody's owner says of one file, folder or camera; not what this process lacks.
static std::optional<Error> trouble_of(const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system) throw;
    return error;
  }
}

// By names alone: nothing is read of what has its row, which is nearly all.
std::vector<evidence::Store::Found> Adopter::without_row(const CameraId& camera, const evidence::Location& folder) {
  std::vector<evidence::Store::Found> fresh;
  const auto complain = [this](const std::string& where, const std::string& why) { leave_out(where, why); };
  const auto visit = [&](evidence::Store::Found found) {
    ++adoption_.seen;
    const std::lock_guard guard(books_);
    if (!index_.has_location(found.received_at, found.location)) fresh.push_back(std::move(found));
  };
  if (const auto trouble = trouble_of([&] { store_.list(camera, folder, visit, complain); })) leave_out(folder, trouble->what());
  std::sort(fresh.begin(), fresh.end(), [](const auto& one, const auto& other) { return one.location < other.location; });
  return fresh;
}

void Adopter::note_if_whole(const evidence::Location& folder, std::int64_t stamp, std::size_t left_out) {
  if (stamp != 0 && adoption_.left_out.size() == left_out && store_.stamp(folder) == stamp) marks_.push_back({folder, stamp});
}

bool Adopter::hold(const CameraId& camera, const evidence::Location& folder) {
  const auto stamp = store_.stamp(folder);
  const auto left_out = adoption_.left_out.size();
  if (!without_row(camera, folder).empty()) return false;
  const auto before = marks_.size();
  note_if_whole(folder, stamp, left_out);
  return marks_.size() != before;
}

void Adopter::adopt_folder(const CameraId& camera, const evidence::Location& folder) {
  const auto stamp = store_.stamp(folder);
  {
    const std::lock_guard guard(books_);
    if (stamp != 0 && index_.knows_folder(shelf_.name(), folder, stamp)) return;
  }
  const auto left_out = adoption_.left_out.size();
  for (auto& found : without_row(camera, folder)) {
    adopt_one(std::move(found));
    if (trouble_) return;
  }
  note_if_whole(folder, stamp, left_out);  // what was left out is said again at the next start
  if (fresh_.size() + marks_.size() >= kRowsInTransaction) commit();
  hooks_.progress(adoption_);
}

void Adopter::adopt_one(evidence::Store::Found found) {
  Bytes content;
  if (const auto trouble = trouble_of([&] { content = store_.get(found.location, kLargestEnvelope); })) return leave_out(found.location, trouble->what());
  const std::vector<Signer>* signers = nullptr;
  trouble_ = trouble_of([&] { signers = &signers_.of(found.camera); });
  if (trouble_) return;
  auto judged = judge_(content, found.camera, *signers);
  const auto* signer = find_signer(*signers, judged.certificate);
  if (!is_stored(judged.verdict) || !signer) return leave_out(found.location, std::string(verdict_name(judged.verdict)));
  fresh_.push_back({std::move(found), std::move(judged), signer->not_after});
  if (fresh_.size() >= kRowsInTransaction) commit();
}

// One file, one row. The other file of the same octets may be gone: then this is where they lie.
void Adopter::relocate(const ledger::Row& row, const evidence::Location& found) {
  if ((row.place == ledger::Place::evidence) != (shelf_.place == ledger::Place::evidence)) return;  // had earlier than was thought: void/ keeps its copy
  bool is_there = true;
  static_cast<void>(trouble_of([&] { is_there = store_.contains(row.location, row.size); }));
  if (is_there) return leave_out(found, "the same octets as " + row.location);
  index_.relocate(row, found);
}

void Adopter::insert(const Fresh& fresh) {
  const auto& [found, judged, not_after] = fresh;
  if (const auto row = index_.find_at(judged.passage.chain, judged.passage.sequence, judged.digest)) return relocate(*row, found.location);
  const auto verdict = stored_verdict(found.camera, judged, not_after, found.received_at, index_);
  const auto row = make_row(found.camera, judged, verdict, found.received_at, found.location, shelf_.place);
  if (!index_.insert(row)) return;
  ++adoption_.adopted;
  hooks_.adopted(row);
}

// Names before rows: a row leads to a receipt, and the camera deletes what that covers.
void Adopter::commit() {
  std::vector<evidence::Location> locations;
  for (const auto& one : fresh_) locations.push_back(one.found.location);
  const auto fresh = std::exchange(fresh_, {});
  const auto marks = std::exchange(marks_, {});
  if (fresh.empty() && marks.empty()) return;
  const auto settle = [&] { store_.settle(locations); };
  if (!is_apart_)
    settle();
  else if (auto trouble = trouble_of(settle)) {
    trouble_ = std::move(trouble);
    return;
  }
  const std::lock_guard guard(books_);
  index_.begin();
  try {
    for (const auto& one : fresh) insert(one);
    for (const auto& mark : marks) index_.note_folder(shelf_.name(), mark.folder, mark.stamp);
    index_.commit();
  } catch (...) {
    index_.rollback();
    throw;
  }
}

std::optional<Error> Adopter::adopt(const CameraId& camera) {
  std::vector<evidence::Location> folders;
  const auto complain = [this](const std::string& where, const std::string& why) { leave_out(where, why); };
  if (auto trouble = trouble_of([&] { folders = store_.folders(camera, complain); })) return trouble;
  return adopt(camera, folders);
}

std::optional<Error> Adopter::adopt(const CameraId& camera, const std::vector<evidence::Location>& folders) {
  bool is_apart = false;
  if (auto trouble = trouble_of([&] { is_apart = store_.is_apart(camera); })) return trouble;
  if (is_apart) finish();  // a disk of its own that fails must take nobody else along
  is_apart_ = is_apart;
  for (const auto& folder : folders) {
    adopt_folder(camera, folder);
    if (trouble_) break;
  }
  if (is_apart_) commit();
  return std::exchange(trouble_, std::nullopt);
}

void Adopter::finish() {
  is_apart_ = false;
  commit();
}

Adoption adopt_all(const Shelf& shelf, ledger::Index& index, const registry::Registry& registry, const JudgeOne& judge,
                   const std::function<void(const Adoption&)>& progress) {
  std::mutex books;
  Adopter adopter(shelf, index, books, registry, judge, {progress, [](const ledger::Row&) {}});
  Adoption waiting;
  for (const auto& camera : shelf.store.cameras([&](const std::string& where, const std::string& why) { waiting.left_out.push_back(where + ": " + why); }))
    if (const auto trouble = adopter.adopt(camera)) waiting.left_out.push_back(camera.account() + ": " + trouble->what());
  adopter.finish();
  auto all = adopter.adoption();
  all.left_out.insert(all.left_out.end(), waiting.left_out.begin(), waiting.left_out.end());
  return all;
}

}  // namespace shutterseal::server
