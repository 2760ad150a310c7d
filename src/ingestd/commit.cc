// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/commit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/ingestd/intake.h"
#include "src/registry/revocation.h"

namespace shutterseal::ingestd {

static constexpr TimeMs kAdoptionMargin = 3600 * 1000;
static constexpr std::size_t kMostAgain = 8;  // of a camera, the newest
static constexpr std::size_t kLargestKeyFile = 64 * 1024;

static envelope::ReceiptKey read_receipt_key(const std::string& path) {
  auto pem = read_file(path, kLargestKeyFile);
  auto key = envelope::ReceiptKey::from_pem(pem, path);
  wipe(pem.data(), pem.size());
  return key;
}

Committer::Committer(const Context& context, const registry::Registry& registry, const Log& log)
    : context_(context),
      registry_(registry),
      log_(log),
      receipt_key_(read_receipt_key(context.paths.receipt_key)),
      store_(evidence::open_directory_store(context.paths.evidence)),
      void_(evidence::open_directory_store(context.paths.void_dir)),
      index_(context.paths.index, ledger::Access::read_write),
      quarantine_(context.paths.quarantine, {context.settings.quarantine_quota, context.settings.free_least}),
      alarms_(context, registry, log) {}

void Committer::adopt(const server::JudgeOne& judge) {
  std::unique_lock books(books_);
  moved_.wait(books, [this] { return turn_ == turns_; });
  const auto newest = index_.newest();
  // Evidence from a backup, or not mounted, below today's index: what the cameras send again would be taken for duplicates, receipted, and be lost.
  const bool is_void = newest && newest->place != ledger::Place::evidence;
  if (newest && !(is_void ? *void_ : *store_).contains(newest->location))
    throw Error(ErrorKind::data, "the index knows '" + (is_void ? context_.paths.void_dir : context_.paths.evidence) + "/" + newest->location +
                                     "', which is not there: mount the evidence, or after restoring it run 'shutterseal index rebuild'");
  // A clock that was set back received after the newest row, but at an earlier time. What waited for longer than the margin is not looked for: its drop
  // waits still, comes to the same name again, and gets its row then.
  if (!index_.is_whole()) log_.warning(LogLine("index-incomplete").untrusted("missing", context_.paths.index + "-wal"));
  const auto since = newest && index_.is_whole() ? std::max<TimeMs>(0, std::min(newest->received_at, now_ms()) - kAdoptionMargin) : 0;
  // Kept over a failure: what was committed before it is not adopted a second time. Without an index all evidence is, and is no news.
  const auto note = [&](const server::Adoption& adoption) {
    if (newest && adoption.row && adoption.row->place == ledger::Place::evidence) adopted_.insert_or_assign(adoption.row->digest, *adoption.row);
  };
  for (const auto& shelf : {server::Shelf{*store_, ledger::Place::evidence}, server::Shelf{*void_, ledger::Place::put_aside}}) {
    const auto adoption = server::adopt(shelf, index_, registry_, since, judge, note);
    for (const auto& name : adoption.left_out) log_.warning(LogLine("not-adopted").untrusted("file", name));
    if (adoption.adopted != 0) log_.info(LogLine("adopted").number("envelopes", static_cast<std::int64_t>(adoption.adopted)));
  }
  index_.completed();
  server::acquit_all(index_, registry_);
  thefts_.clear();
  broken_ = false;
  books.unlock();
  if (caught_up_) alarms_.stored(take_adopted());
}

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

// ---- one group ----------------------------------------------------------------------------------------------------------------------

struct Committer::ToStore {
  const JudgedDrop* judged;
  const envelope::Judged* envelope;
  TimeMs received_at;
  bool is_known = false;  // had earlier than its row says
  ledger::Proof proof = {};  // of a stolen camera's
  ledger::Place place = ledger::Place::evidence;
  evidence::Location location = {};

  [[nodiscard]] const CameraId& camera() const { return judged->drop.camera; }
  [[nodiscard]] ledger::Link link() const {
    const auto& passage = envelope->passage;
    return {passage.chain, passage.sequence, envelope->digest, passage.previous, received_at};
  }
  [[nodiscard]] evidence::Item item() const {
    evidence::Item item{camera(), envelope->passage.chain, envelope->passage.sequence, envelope->digest, received_at, {}, nullptr};
    if (judged->drafts.empty())
      item.content = ByteView(judged->octets).subspan(envelope->offset, envelope->size);
    else
      item.draft = judged->drafts[static_cast<std::size_t>(envelope - judged->envelopes.data())];
    return item;
  }
};

// What the registry says of a camera, read once a group.
struct Committer::Known {
  std::optional<registry::State> state;
  ledger::Theft* theft = nullptr;  // of thefts_; null: not stolen
  std::optional<TimeMs> stolen_at = {};
};

struct Committer::Plan {
  std::vector<ToStore> to_store;
  std::set<Digest> digests;  // of to_store
  std::vector<const JudgedDrop*> refused;
  Settled settled;
  std::set<CameraId> receipts_for;
  std::vector<envelope::Receipt> receipts;
  std::map<CameraId, Known> cameras;
  enum class Receipts { not_written, written, failed } state = Receipts::not_written;  // with the books held
};

// A theft is remembered from group to group, so that a long backlog is walked once. What one group is about to store vouches in the next: should it
// fail, that one does, too, and adopt() forgets.
ledger::Theft* Committer::theft_of(const registry::Camera& camera) {
  const auto since = registry::theft_time(camera);
  if (!since) return nullptr;
  const auto known = thefts_.find(camera.id);
  if (known != thefts_.end() && known->second.stolen_at() == *since) return &known->second;
  return &thefts_.insert_or_assign(camera.id, ledger::Theft(&index_, camera.id, *since)).first->second;
}

// A camera.conf that was broken since intake stops its camera, and no other.
const Committer::Known& Committer::look_up(const CameraId& id, Plan& plan) {
  const auto known = plan.cameras.find(id);
  if (known != plan.cameras.end()) return known->second;
  Known found;
  try {
    if (const auto camera = registry_.find(id)) found = {camera->state, theft_of(*camera), registry::theft_time(*camera)};
  } catch (const Error&) {
    // Its drops wait; who takes them in says why.
  }
  return plan.cameras.emplace(id, found).first->second;
}

// A camera whose card was restored knows no digest of the long run around what it still holds, and would send it for ever: what was sent again
// is a run of its own, in the next receipts, too, because one follows the other faster than a camera reads them.
void Committer::note_again(const CameraId& camera, const envelope::Judged& one) {
  auto& runs = again_[camera];
  const auto& passage = one.passage;
  for (auto& run : runs) {
    if (run.chain != passage.chain) continue;
    if (run.last_digest == one.digest) return;
    if (run.last + 1 != passage.sequence || run.last_digest != passage.previous) continue;
    run.last = passage.sequence;
    run.last_digest = one.digest;
    return;
  }
  runs.push_back({passage.chain, passage.sequence, passage.sequence, one.digest});
  if (runs.size() > kMostAgain) runs.erase(runs.begin());
}

// A thief who sends what waits already, so that it is taken in first and as his, must not make it void.
bool Committer::proves_more(TimeMs received, const envelope::Judged& one, const ledger::Theft& theft) const {
  const auto row = index_.find_digest(one.digest);
  return row && received < theft.stolen_at() && row->received_at >= theft.stolen_at();
}

void Committer::plan_drop(const JudgedDrop& judged, Plan& plan) {
  // Read again here: a camera that was suspended or revoked since intake must not slip through.
  const auto [state, theft, stolen_at] = look_up(judged.drop.camera, plan);
  if (!state || leaves_drops_waiting(*state)) return;
  // Revoked since intake: this was written for evidence alone.
  if (theft && !judged.drafts.empty()) {
    plan.settled.again.insert(judged.drop.camera);
    return;
  }
  bool any_refused = false, is_done = true;
  for (const auto& one : judged.envelopes) {
    any_refused = any_refused || is_refused(one.verdict);
    if (!is_stored(one.verdict)) continue;
    // The same envelope twice, in this group or in one on its way: stored with that one, receipted after it. Of a stolen camera the other copy may be
    // the older one, and is looked at again.
    if (in_flight_.contains(one.digest)) {
      is_done = is_done && !theft;
      continue;
    }
    const auto received = judged.drop.had_since();
    const bool is_known = index_.contains(one.passage.chain, one.passage.sequence, one.digest);
    if (is_known && !theft) note_again(judged.drop.camera, one);
    if (is_known && !(theft && proves_more(received, one, *theft))) continue;
    plan.digests.insert(one.digest);
    in_flight_.insert(one.digest);
    plan.to_store.push_back({&judged, &one, received, is_known});
    if (theft) theft->add(plan.to_store.back().link());
  }
  if (any_refused) plan.refused.push_back(&judged);
  if (is_done)
    plan.settled.drops.push_back(&judged);
  else
    plan.settled.again.insert(judged.drop.camera);
  if (!theft) plan.receipts_for.insert(judged.drop.camera);
}

// After the whole group is known, because what comes later in it may lead to what comes first.
void Committer::sort_out(Plan& plan) {
  for (auto& one : plan.to_store) {
    auto* theft = plan.cameras.at(one.camera()).theft;
    if (!theft) continue;
    one.proof = theft->proof_of(one.link());
    if (one.proof)
      plan.receipts_for.insert(one.camera());
    else
      one.place = ledger::Place::put_aside;
  }
}

void Committer::put(Plan& plan, ledger::Place place) {
  std::vector<evidence::Item> items;
  std::vector<ToStore*> put;
  for (auto& one : plan.to_store) {
    if (one.place != place) continue;
    items.push_back(one.item());
    put.push_back(&one);
  }
  if (items.empty()) return;
  auto& store = place == ledger::Place::evidence ? *store_ : *void_;
  const auto locations = store.put(items);
  for (std::size_t i = 0; i < put.size(); ++i) put[i]->location = locations[i];
}

static LogLine line_of(const char* event, const CameraId& camera, const ledger::Link& link) {
  LogLine line(event);
  line.field("camera", camera.text()).field("chain", link.chain.hex().substr(0, 8)).number("seq", static_cast<std::int64_t>(link.sequence));
  return line;
}

void Committer::record_envelope(const ToStore& stored) {
  const auto& one = *stored.envelope;
  const auto* signer = server::find_signer(stored.judged->signers, one.certificate);
  SHUTTERSEAL_BUG_UNLESS(signer != nullptr);  // Verifier::judge() accepts nothing else
  const auto verdict = server::stored_verdict(stored.camera(), one, signer->not_after, stored.received_at, index_);
  const auto row = server::make_row(stored.camera(), one, verdict, stored.received_at, stored.location, stored.place);
  if (stored.is_known)
    index_.backdate(row);
  else
    static_cast<void>(index_.insert(row));
  const bool is_void = stored.place == ledger::Place::put_aside;
  if (!is_void) stored_.push_back(row);  // a thief's event alerts nobody
  auto line = line_of(is_void ? "void" : "accepted", stored.camera(), stored.link());
  line.number("bytes", static_cast<std::int64_t>(one.size)).field("sha256", one.digest.hex());
  if (is_void) return log_.warning(line.field("verdict", verdict_name(Verdict::void_after_theft)));
  if (verdict != Verdict::accepted) line.field("flag", verdict_name(verdict));
  if (stored.proof) line.field("proof", stored.proof.text());
  log_.info(line);
}

// Its camera was found to be stolen, or earlier, by a later group, which could not see this one's rows yet.
void Committer::tell_theft(const ToStore& stored, const Plan& plan) {
  const auto known = thefts_.find(stored.camera());
  if (known != thefts_.end() && plan.cameras.at(stored.camera()).stolen_at != known->second.stolen_at()) known->second.add(stored.link());
}

// What is stored now may lead to what was put aside before it came.
void Committer::acquit(Plan& plan) {
  for (const auto& one : plan.to_store) {
    auto* theft = plan.cameras.at(one.camera()).theft;
    if (!theft) continue;
    const auto acquitted = server::acquit(index_, *theft, one.link());
    if (!acquitted.empty()) plan.receipts_for.insert(one.camera());
    for (const auto& row : acquitted)
      log_.info(line_of("acquitted", row.camera, ledger::link_of(row)).field("sha256", row.digest.hex()).field("proof", theft->proof_of(ledger::link_of(row)).text()));
  }
}

// A name in a receipt is a hint, and only names of our own form are repeated.
static std::string hint(const std::string& name) {
  const bool plain = name.size() <= 80 && name.ends_with(".parcel") &&
                     std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.'; });
  return plain ? name : "-";
}

Quarantine::Refused Committer::refuse(const JudgedDrop& judged, Plan& plan) {
  const auto& drop = judged.drop;
  const auto digest = judged.unjudged ? *judged.unjudged : envelope::sha256(judged.octets);
  std::string reason;
  auto first = Verdict::accepted;
  for (const auto& one : judged.envelopes) {
    if (!is_refused(one.verdict)) continue;
    if (first == Verdict::accepted) first = one.verdict;
    if (reason.size() < 400) reason += (reason.empty() ? "" : ", ") + std::string(verdict_name(one.verdict)) + " at octet " + std::to_string(one.offset);
  }
  // The camera did not send what is not its own, and may have the same octets in its spool.
  if (first != Verdict::not_a_file) index_.add_refusal(drop.camera, {hint(drop.dropped_as()), digest, first}, drop.received_at);
  log_.warning(LogLine("refused").field("camera", drop.camera.text()).field("verdict", verdict_name(first)).untrusted("file", drop.dropped_as()));
  plan.receipts_for.insert(drop.camera);
  return {&judged, digest, reason};
}

envelope::Receipt Committer::make_receipt(const CameraId& camera) {
  const auto again = again_.find(camera);
  auto runs = again == again_.end() ? std::vector<envelope::Run>{} : again->second;
  for (const auto& run : index_.runs(camera, envelope::kMostRuns - runs.size())) runs.push_back(run);
  return {.camera = camera, .time = now_ms(), .number = index_.next_receipt_number(camera), .runs = std::move(runs), .refusals = index_.refusals(camera)};
}

// One transaction for rows, refusals and receipt numbers: durable before any receipt says so.
void Committer::record(Plan& plan) {
  const std::lock_guard books(books_);
  index_.begin();
  try {
    for (const auto& one : plan.to_store) {
      record_envelope(one);
      tell_theft(one, plan);
    }
    acquit(plan);
    std::vector<Quarantine::Refused> refused;
    for (const auto* judged : plan.refused) {
      const auto one = refuse(*judged, plan);
      if (!judged->unjudged) refused.push_back(one);
    }
    quarantine_.keep(refused);
    for (const auto& camera : plan.receipts_for) plan.receipts.push_back(make_receipt(camera));
    index_.commit();
  } catch (...) {
    index_.rollback();
    throw;
  }
}

// One camera's broken directory is no trouble of the others. Without its receipt its drops stay, and are found to be duplicates later.
void Committer::write_receipts(const std::vector<Plan*>& plans) {
  std::map<CameraId, const envelope::Receipt*> newest;
  for (const auto* plan : plans)
    for (const auto& receipt : plan->receipts) newest.insert_or_assign(receipt.camera, &receipt);
  ReplaceGroup group;
  std::vector<CameraId> written;
  const auto leave = [&](const CameraId& camera, const Error& error) {
    log_.error(LogLine("trouble").field("camera", camera.text()).sentence("reason", error.what()));
    for (auto* plan : plans)
      if (std::erase_if(plan->settled.drops, [&camera](const JudgedDrop* judged) { return judged->drop.camera == camera; }) != 0)
        plan->settled.without_receipt.insert(camera);
  };
  for (const auto& [camera, receipt] : newest) {
    const auto dir = context_.paths.drop + "/" + camera.account() + "/receipts";
    try {
      group.add(dir + "/receipt.p7m", envelope::sign_receipt(*receipt, receipt_key_), 0640);
      written.push_back(camera);
    } catch (const Error& error) {
      leave(camera, error);
    }
  }
  const auto answers = group.commit();
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i]) leave(written[i], *answers[i]);
}

// Only the file that was judged: the camera may have put another under the same name.
static void remove_if_judged(int dir, const Drop& drop, const std::string& name) {
  struct stat info {};
  if (::fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (info.st_dev == drop.device && info.st_ino == drop.inode) unlink_at(dir, name);
}

void Committer::remove(const Settled& settled) {
  std::map<std::pair<CameraId, bool>, Fd> dirs;
  try {
    for (const auto* judged : settled.drops) {
      const auto& [camera, is_held] = std::tie(judged->drop.camera, judged->drop.is_held);
      auto& dir = dirs[{camera, is_held}];
      if (!dir) dir = open_dir(is_held ? held_path(context_.paths, camera) : incoming_path(context_.paths, camera));
      for (const auto& name : {judged->drop.name, part_name(judged->drop.name)}) remove_if_judged(dir.get(), judged->drop, name);
    }
  } catch (...) {
    const std::lock_guard books(books_);
    broken_ = true;
    throw;
  }
}

// ---- groups side by side -------------------------------------------------------------------------------------------------------------

// A place in the order in which groups come to the books. Given back before its rows are there, it takes with it all that were given later: they may
// rest on what this one did not do.
class Committer::Turn {
 public:
  // With the books held.
  Turn(Committer& committer, const std::set<Digest>& digests) : committer_(committer), digests_(digests), number_(committer.turns_++) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (has_ended_) return;
    std::unique_lock books(committer_.books_);
    wait(books);
    committer_.broken_ = true;
    end();
  }
  [[nodiscard]] bool come() {
    std::unique_lock books(committer_.books_);
    wait(books);
    return !committer_.broken_;
  }
  // With the books held: the rows are there.
  void end() {
    for (const auto& digest : digests_) committer_.in_flight_.erase(digest);
    has_ended_ = true;
    ++committer_.turn_;
    committer_.moved_.notify_all();
  }

 private:
  void wait(std::unique_lock<std::mutex>& books) {
    committer_.moved_.wait(books, [this] { return committer_.turn_ == number_; });
  }
  Committer& committer_;
  const std::set<Digest>& digests_;
  std::uint64_t number_;
  bool has_ended_ = false;
};

bool Committer::is_broken() const {
  const std::lock_guard books(books_);
  return broken_;
}

void Committer::keep_books(Plan& plan) {
  stored_.clear();
  // Crash after: the drops are judged again and found to be duplicates, and the receipt is written then.
  record(plan);
  // Crash before the alarm: catch_up() finds the rows.
  alarms_.stored(stored_);
}

// Of the groups that wait for their receipts one thread writes those of all, each camera's newest alone: writing takes longer than keeping the books,
// and the newest says all that the others would. They stand on the desk in the order of the books, so no camera's receipt is replaced by an older one.
bool Committer::hand_out_receipts(Plan& plan) {
  std::unique_lock books(books_);
  moved_.wait(books, [&] { return plan.state != Plan::Receipts::not_written || !is_handing_out_; });
  if (plan.state != Plan::Receipts::not_written) return plan.state == Plan::Receipts::written;
  is_handing_out_ = true;
  const auto plans = std::exchange(desk_, {});
  books.unlock();
  const auto end = [&](Plan::Receipts state) {
    books.lock();
    for (auto* one : plans) one->state = state;
    is_handing_out_ = false;
    broken_ = broken_ || state == Plan::Receipts::failed;
    moved_.notify_all();
  };
  try {
    // Crash between receipts: the drops are found to be duplicates, and what is missing is written then.
    write_receipts(plans);
  } catch (...) {
    end(Plan::Receipts::failed);
    throw;
  }
  end(Plan::Receipts::written);
  return true;
}

std::optional<Committer::Settled> Committer::commit(const std::vector<JudgedDrop>& group) {
  Plan plan;
  std::optional<Turn> turn;
  {
    const std::lock_guard books(books_);
    if (broken_) return std::nullopt;
    turn.emplace(*this, plan.digests);
    for (const auto& judged : group) plan_drop(judged, plan);
    sort_out(plan);
  }
  // Crash before: the drops are still there. After: adopt() finds the files by their names and gives them rows.
  put(plan, ledger::Place::evidence);
  put(plan, ledger::Place::put_aside);
  if (!turn->come()) return std::nullopt;
  keep_books(plan);
  {
    const std::lock_guard books(books_);
    desk_.push_back(&plan);
    turn->end();
  }
  if (!hand_out_receipts(plan)) return std::nullopt;
  return std::move(plan.settled);
}

}  // namespace shutterseal::ingestd
