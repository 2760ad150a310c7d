// SPDX-License-Identifier: Apache-2.0
// The committer between its groups: what the stores hold and the index does not, at start and after a failure; and cameras that wait, looked at again.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/ingestd/commit.h"
#include "src/ingestd/intake.h"

namespace shutterseal::ingestd {

static constexpr std::int64_t kRestMs = 600'000;  // a folder that was not written to for so long is noted as looked through
static constexpr std::size_t kMostNoted = 128;    // folders at a time: commits go on beside it
static constexpr std::size_t kMostWritten = 100'000;
// An index that was restored from a backup numbers receipts from before it, and cameras ignore what is older than what they saw. The clock carries it over
// that; never by more than this, or a clock that once stood in the future would carry it there.
static constexpr std::uint64_t kLongestLeapMs = std::uint64_t{400} * 24 * 3600 * 1000;

std::vector<ledger::Row> Committer::take_adopted() {
  const std::lock_guard books(books_);
  std::vector<ledger::Row> rows;
  for (auto& [digest, row] : std::exchange(adopted_, {})) rows.push_back(std::move(row));
  return rows;
}

void Committer::catch_up() {
  alarms_.catch_up(index_, take_adopted());
  caught_up_ = true;
}

// ---- evidence without a row -------------------------------------------------------------------------------------------------------------

server::Adopter Committer::adopter(ledger::Place place, const server::JudgeOne& judge, bool is_news) {
  const auto adopted = [this, is_news](const ledger::Row& row) {
    if (is_news && row.place == ledger::Place::evidence) adopted_.insert_or_assign(row.digest, row);
  };
  const server::Shelf shelf{place == ledger::Place::evidence ? *store_ : *void_, place};
  return {shelf, index_, books_, registry_, judge, {[](const server::Adoption&) {}, adopted}};
}

void Committer::tell_adoption(const server::Adopter& adopter) {
  const auto& adoption = adopter.adoption();
  for (const auto& name : adoption.left_out) log_.warning(LogLine("not-adopted").untrusted("file", name));
  if (adoption.adopted != 0) log_.info(LogLine("adopted").number("envelopes", static_cast<std::int64_t>(adoption.adopted)));
}

std::set<CameraId> Committer::all_cameras() const {
  std::set<CameraId> all;
  const auto add = [&all](const std::vector<CameraId>& some) { all.insert(some.begin(), some.end()); };
  add(store_->cameras([this](const std::string& where, const std::string& why) { log_.warning(LogLine("not-adopted").untrusted("file", where + ": " + why)); }));
  add(void_->cameras({}));
  add(index_.cameras());
  return all;
}

// Evidence from a backup, or not mounted, below today's index: what the camera sends again would be taken for duplicates, receipted, and be lost. What is
// gone alone is forgotten: then no receipt speaks of it, and a camera that keeps what it sent sends it again.
std::optional<std::string> Committer::why_missing(const CameraId& camera) {
  const std::lock_guard books(books_);
  auto presence = server::look_for_newest(*store_, *void_, index_, camera);
  const bool is_apart = store_->is_apart(camera);
  if (presence.missing) return std::move(presence.missing);
  if (presence.lost.empty() && is_apart == index_.was_apart(camera)) return std::nullopt;
  index_.begin();
  try {
    for (const auto& row : presence.lost) index_.forget(row);
    index_.note_apart(camera, is_apart);
    index_.commit();
  } catch (...) {
    index_.rollback();
    throw;
  }
  for (const auto& row : presence.lost)
    log_.error(LogLine("lost").field("camera", camera.text()).field("chain", row.chain.hex().substr(0, 8)).number("seq", static_cast<std::int64_t>(row.sequence))
                   .field("sha256", row.digest.hex()).untrusted("file", row.location));
  return std::nullopt;
}

std::optional<std::string> Committer::why_not_adopted(const CameraId& camera, server::Adopter& evidence, server::Adopter& put_aside) {
  for (auto* shelf : {&evidence, &put_aside})
    if (const auto trouble = shelf->adopt(camera)) return trouble->what();
  return std::nullopt;
}

// An Error of a file is this camera's; one of the index has no number.
static std::optional<std::string> reason_of(const std::function<std::optional<std::string>()>& look) {
  try {
    return look();
  } catch (const Error& error) {
    if (error.number() == 0 || error.kind() == ErrorKind::system) throw;
    return error.what();
  }
}

// What was noted of folders may speak of rows that are gone with it.
void Committer::begin_without_log() {
  log_.warning(LogLine("index-incomplete").untrusted("missing", context_.paths.index + "-wal"));
  index_.begin();
  index_.forget_folders();
  index_.commit();
}

// Gone of every camera: the whole store is another one, or older.
void Committer::expect_newest_of_some(const std::vector<CameraId>& known) const {
  std::string reason;
  for (const auto& camera : known) {
    try {
      const auto presence = server::look_for_newest(*store_, *void_, index_, camera);
      if (!presence.missing && presence.lost.empty()) return;
      reason = presence.missing ? *presence.missing : server::reason_of(presence.lost.front(), "");
    } catch (const Error& error) {
      if (error.number() == 0 || error.kind() == ErrorKind::system) throw;
      return;  // this camera's own trouble: it says nothing of the others
    }
  }
  if (!reason.empty()) throw Error(ErrorKind::data, reason);
}

void Committer::adopt(const server::JudgeOne& judge) {
  if (!index_.is_whole()) begin_without_log();
  const auto known = index_.cameras();
  expect_newest_of_some(known);
  auto evidence = adopter(ledger::Place::evidence, judge, !known.empty());  // without an index all is adopted, and is no news
  auto put_aside = adopter(ledger::Place::put_aside, judge, false);
  for (const auto& camera : all_cameras()) {
    auto why = reason_of([&] { return why_missing(camera); });
    // First what lies there: it may be where the index does not look for it.
    if (auto other = reason_of([&] { return why_not_adopted(camera, evidence, put_aside); }); other && !why) why = std::move(other);
    if (why) troubles_.wait(camera, *why);
  }
  for (auto* shelf : {&evidence, &put_aside}) {
    shelf->finish();
    tell_adoption(*shelf);
  }
  index_.completed();
  server::acquit_all(index_, registry_);
}

void Committer::recover(const server::JudgeOne& judge) {
  {
    std::unique_lock books(books_);
    moved_.wait(books, [this] { return turn_ == turns_; });
  }
  // Nobody else has a turn until this ends: none is given while `broken_`.
  for (const auto place : {ledger::Place::evidence, ledger::Place::put_aside}) {
    auto shelf = adopter(place, judge, true);
    for (const auto& [folder, camera] : doubtful_) {
      if ((folder.first == ledger::Index::Store::evidence) != (place == ledger::Place::evidence)) continue;
      if (const auto trouble = shelf.adopt(camera, {folder.second})) troubles_.wait(camera, trouble->what());
    }
    shelf.finish();
    tell_adoption(shelf);
  }
  {
    const std::lock_guard books(books_);
    server::acquit_all(index_, registry_);
    thefts_.clear();
    doubtful_.clear();
    broken_ = false;
  }
  if (caught_up_) alarms_.stored(take_adopted());
}

// ---- cameras that wait --------------------------------------------------------------------------------------------------------------------

static void expect_writable(const std::string& path) {
  static_cast<void>(open_dir(path));
  if (::access(path.c_str(), W_OK | X_OK) != 0) throw_errno("cannot write to", path);
}

// All that a drop of this camera will need on its way.
std::optional<std::string> Committer::why_not_ready(const CameraId& camera) {
  try {
    static_cast<void>(server::camera_signers(registry_, camera));
    expect_writable(incoming_path(context_.paths, camera));
    expect_writable(receipts_path(context_.paths, camera));
    quarantine_.probe(camera);
    store_->probe(camera, now_ms());
    return std::nullopt;
  } catch (const Error& error) {
    return error.what();
  }
}

// True: nothing is in its way any more.
bool Committer::mend_one(const CameraId& camera, const server::JudgeOne& judge) {
  {
    std::unique_lock books(books_);
    moved_.wait(books, [&] { return !busy_.contains(camera); });
  }
  store_->forget(camera);
  void_->forget(camera);
  const auto why = reason_of([&]() -> std::optional<std::string> {
    if (auto missing = why_missing(camera)) return missing;
    if (auto not_ready = why_not_ready(camera)) return not_ready;
    auto evidence = adopter(ledger::Place::evidence, judge, true), put_aside = adopter(ledger::Place::put_aside, judge, true);
    auto reason = why_not_adopted(camera, evidence, put_aside);
    for (auto* shelf : {&evidence, &put_aside}) {
      shelf->finish();
      tell_adoption(*shelf);
    }
    return reason;
  });
  if (why) troubles_.wait(camera, *why);
  return !why;
}

void Committer::mend(const server::JudgeOne& judge) {
  for (const auto& camera : troubles_.waiting()) {
    try {
      if (!registry_.find(camera)) {
        troubles_.forget(camera);
        continue;
      }
    } catch (const Error& error) {
      troubles_.wait(camera, error.what());
      continue;
    }
    if (!mend_one(camera, judge)) continue;
    {
      const std::lock_guard books(books_);
      thefts_.erase(camera);  // may rest on what was not stored in the end
    }
    troubles_.try_again(camera);
  }
  if (caught_up_) alarms_.stored(take_adopted());
  note_folders(judge);
}

// So that the next start reads the names of what was written lately, and of nothing else.
void Committer::note_folders(const server::JudgeOne& judge) {
  std::vector<std::pair<Folders::key_type, CameraId>> rested;
  {
    const std::lock_guard books(books_);
    const auto limit = monotonic_ms() - (written_.size() < kMostWritten ? kRestMs : 0);
    for (const auto& [folder, last] : written_)
      if (last.second <= limit && rested.size() < kMostNoted) rested.emplace_back(folder, last.first);
    for (const auto& [folder, camera] : rested) written_.erase(folder);
  }
  if (rested.empty()) return;
  auto evidence = adopter(ledger::Place::evidence, judge, true), put_aside = adopter(ledger::Place::put_aside, judge, true);
  for (const auto& [folder, camera] : rested) static_cast<void>((folder.first == ledger::Index::Store::evidence ? evidence : put_aside).hold(camera, folder.second));
  evidence.finish();
  put_aside.finish();
}

// ---- receipts' numbers --------------------------------------------------------------------------------------------------------------------

// Once a camera and process, before its first receipt. The last number may be in the index; in the receipt that lies there, when the index was made again
// or comes from a backup; or nowhere, when both do.
void Committer::raise_receipt_number(const CameraId& camera) {
  if (!numbered_.insert(camera).second) return;
  auto least = index_.receipt_number(camera);
  try {
    const auto file = read_file(receipts_path(context_.paths, camera) + "/" + kReceiptName, envelope::kLargestReceipt);
    const auto reading = envelope::read_receipt(file, camera, std::span(&receipt_key_.certificate.fingerprint, 1));
    if (reading.value) least = std::max(least, reading.value->number);
  } catch (const Error& error) {
    if (error.number() != ENOENT) log_.warning(LogLine("receipt-unread").field("camera", camera.text()).sentence("reason", error.what()));
  }
  const auto clock = static_cast<std::uint64_t>(std::max<TimeMs>(now_ms(), 0));
  if (least == 0 || (clock > least && clock - least < kLongestLeapMs)) least = clock;
  index_.raise_receipt_number(camera, least);
}

}  // namespace shutterseal::ingestd
