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

static constexpr std::size_t kMostAgain = 8;  // of a camera, the newest
static constexpr std::size_t kLargestKeyFile = 64 * 1024;
static constexpr std::size_t kLargestThere = std::size_t{64} << 20;

static dev_t device_of(const Fd& dir) {
  struct stat info {};
  if (::fstat(dir.get(), &info) != 0) throw_errno("cannot look at", "a directory");
  return info.st_dev;
}

static envelope::ReceiptKey read_receipt_key(const std::string& path) {
  auto pem = read_file(path, kLargestKeyFile);
  auto key = envelope::ReceiptKey::from_pem(pem, path);
  wipe(pem.data(), pem.size());
  return key;
}

Committer::Committer(const Context& context, const registry::Registry& registry, Troubles& troubles, const Log& log)
    : context_(context),
      registry_(registry),
      troubles_(troubles),
      log_(log),
      receipt_key_(read_receipt_key(context.paths.receipt_key)),
      store_(evidence::open_directory_store(context.paths.evidence)),
      void_(evidence::open_directory_store(context.paths.void_dir)),
      index_(context.paths.index, ledger::Access::read_write),
      quarantine_(context.paths.quarantine, {context.settings.quarantine_quota, context.settings.free_least}),
      alarms_(context, registry, log) {}

// ---- one group ----------------------------------------------------------------------------------------------------------------------

struct Committer::ToStore {
  const JudgedDrop* judged;
  const envelope::Judged* envelope;
  TimeMs received_at;
  bool is_known = false;  // had earlier than its row says
  std::optional<ledger::Row> lost = {};  // its row, whose file is gone
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
  std::set<CameraId> busy;   // the cameras of it
  Folders folders;           // and where it goes
  std::vector<const JudgedDrop*> with_refused;
  std::vector<Quarantine::Refused> refused;
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
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system) throw;
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

bool Committer::contains(const ledger::Row& row) const {
  return (row.place == ledger::Place::evidence ? *store_ : *void_).contains(row.location, row.size);
}

// False: it is to be looked at again, once another copy of it that is on its way has its row.
bool Committer::plan_envelope(const JudgedDrop& judged, const envelope::Judged& one, Plan& plan) {
  auto* const theft = plan.cameras.at(judged.drop.camera).theft;
  // The same envelope twice, in this group or in one on its way: stored with that one, receipted after it. Of a stolen camera the other copy may be
  // the older one, and is looked at again.
  if (in_flight_.contains(one.digest)) return !theft;
  const auto received = judged.drop.had_since();
  ToStore to_store{&judged, &one, received};
  if (const auto row = index_.find_at(one.passage.chain, one.passage.sequence, one.digest)) {
    // A thief who sends what waits already, so that it is taken in first and as his, must not make it void.
    to_store.is_known = theft && received < theft->stolen_at() && row->received_at >= theft->stolen_at();
    // A row alone is no evidence: the receipt that follows would let the camera delete the last copy.
    if (!to_store.is_known && !contains(*row)) to_store.lost = *row;
    if (!to_store.is_known && !to_store.lost) {
      if (!theft) note_again(judged.drop.camera, one);
      return true;
    }
  }
  if (to_store.lost) {
    to_store.received_at = to_store.lost->received_at;
    to_store.place = to_store.lost->place == ledger::Place::evidence ? ledger::Place::evidence : ledger::Place::put_aside;
  }
  plan.digests.insert(one.digest);
  in_flight_.insert(one.digest);
  plan.busy.insert(judged.drop.camera);
  plan.to_store.push_back(std::move(to_store));
  if (theft) theft->add(plan.to_store.back().link());
  return true;
}

void Committer::plan_drop(const JudgedDrop& judged, Plan& plan) {
  const auto& camera = judged.drop.camera;
  if (troubles_.waits(camera)) return;
  // Read again here: a camera that was suspended or revoked since intake must not slip through.
  const auto& [state, theft, stolen_at] = look_up(camera, plan);
  if (!state || leaves_drops_waiting(*state)) return;
  // Revoked since intake: this was written for evidence alone.
  if (theft && !judged.drafts.empty()) {
    plan.settled.again.insert(camera);
    return;
  }
  bool any_refused = false, is_done = true;
  for (const auto& one : judged.envelopes) {
    any_refused = any_refused || is_refused(one.verdict);
    if (is_stored(one.verdict)) is_done = plan_envelope(judged, one, plan) && is_done;
  }
  if (any_refused) plan.with_refused.push_back(&judged);
  if (is_done)
    plan.settled.drops.push_back(&judged);
  else
    plan.settled.again.insert(camera);
  if (!theft) plan.receipts_for.insert(camera);
}

// Of the others nothing is left out for it. What was put already has no row: adoption finds it before this camera is tried again.
void Committer::take_out(const CameraId& camera, Plan& plan) {
  for (const auto& one : plan.to_store)
    if (one.camera() == camera) {
      in_flight_.erase(one.envelope->digest);
      plan.digests.erase(one.envelope->digest);
    }
  std::erase_if(plan.to_store, [&](const ToStore& one) { return one.camera() == camera; });
  const auto is_its = [&](const JudgedDrop* judged) { return judged->drop.camera == camera; };
  std::erase_if(plan.with_refused, is_its);
  std::erase_if(plan.settled.drops, is_its);
  plan.settled.again.erase(camera);
  plan.receipts_for.erase(camera);
}

void Committer::leave(const CameraId& camera, const std::string& reason, Plan& plan) {
  troubles_.wait(camera, reason);
  take_out(camera, plan);
}

// A later group may have met the trouble first, and what this one has of a stolen camera may rest on what that did not do.
void Committer::leave_troubled(Plan& plan) {
  for (const auto& [camera, known] : plan.cameras)
    if (troubles_.waits(camera)) take_out(camera, plan);
}

void Committer::plan_group(const std::vector<JudgedDrop>& group, Plan& plan) {
  for (const auto& judged : group) {
    try {
      plan_drop(judged, plan);
    } catch (const Error& error) {
      if (error.number() == 0 || error.kind() == ErrorKind::system) throw;  // the index's, or everybody's
      leave(judged.drop.camera, error.what(), plan);
    }
  }
  sort_out(plan);
  for (const auto& one : plan.to_store) {
    const bool is_evidence = one.place == ledger::Place::evidence;
    plan.folders.emplace(Folders::key_type(is_evidence ? ledger::Index::Store::evidence : ledger::Index::Store::void_after_theft,
                                           (is_evidence ? *store_ : *void_).folder_at(one.camera(), one.received_at)), one.camera());
  }
}

// After the whole group is known, because what comes later in it may lead to what comes first.
void Committer::sort_out(Plan& plan) {
  for (auto& one : plan.to_store) {
    auto* theft = plan.cameras.at(one.camera()).theft;
    if (!theft) continue;
    if (one.lost) {
      if (one.lost->place != ledger::Place::put_aside) plan.receipts_for.insert(one.camera());
      continue;  // put back where it was
    }
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
  const auto answers = store.put(items);
  std::map<CameraId, std::string> troubles;
  for (std::size_t i = 0; i < put.size(); ++i) {
    put[i]->location = answers[i].location;
    if (answers[i].trouble)
      troubles.emplace(put[i]->camera(), answers[i].trouble->what());
    else if (answers[i].taken)
      tell_clash(*put[i], *answers[i].taken);
  }
  const std::lock_guard books(books_);
  for (const auto& [camera, reason] : troubles) leave(camera, reason, plan);
}

static std::string digest_of(const evidence::Store& store, const evidence::Location& location) {
  try {
    return envelope::sha256(store.get(location, kLargestThere)).hex();
  } catch (const Error&) {
    return "unreadable";
  }
}

// What has the name is damaged, or somebody put it there: the whole digest is in it.
void Committer::tell_clash(const ToStore& stored, const evidence::Location& taken) {
  log_.error(LogLine("clash").field("camera", stored.camera().text()).field("sha256", stored.envelope->digest.hex())
                 .field("there", digest_of(stored.place == ledger::Place::evidence ? *store_ : *void_, taken)).untrusted("file", taken));
}

static LogLine line_of(const char* event, const CameraId& camera, const ledger::Link& link) {
  LogLine line(event);
  line.field("camera", camera.text()).field("chain", link.chain.hex().substr(0, 8)).number("seq", static_cast<std::int64_t>(link.sequence));
  return line;
}

void Committer::record_envelope(const ToStore& stored) {
  const auto& one = *stored.envelope;
  if (stored.lost) {
    if (stored.location != stored.lost->location) index_.relocate(*stored.lost, stored.location);
    if (stored.place == ledger::Place::evidence) note_again(stored.camera(), one);
    log_.error(line_of("stored-again", stored.camera(), stored.link()).field("sha256", one.digest.hex()).untrusted("lost", stored.lost->location));
    return;
  }
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

static Verdict first_refusal(const JudgedDrop& judged) {
  for (const auto& one : judged.envelopes)
    if (is_refused(one.verdict)) return one.verdict;
  return Verdict::accepted;
}

static Quarantine::Refused refusal_of(const JudgedDrop& judged) {
  std::string reason;
  for (const auto& one : judged.envelopes)
    if (is_refused(one.verdict) && reason.size() < 400) reason += (reason.empty() ? "" : ", ") + std::string(verdict_name(one.verdict)) + " at octet " + std::to_string(one.offset);
  return {&judged, judged.unjudged ? *judged.unjudged : envelope::sha256(judged.octets), reason};
}

// Before the books, which say that it is kept.
void Committer::keep_refused(Plan& plan) {
  std::vector<Quarantine::Refused> to_keep;  // without what was kept unjudged
  for (const auto* judged : plan.with_refused) {
    plan.refused.push_back(refusal_of(*judged));
    if (!judged->unjudged) to_keep.push_back(plan.refused.back());
  }
  const auto troubles = quarantine_.keep(to_keep);
  const std::lock_guard books(books_);
  for (const auto& [camera, reason] : troubles) {
    leave(camera, reason, plan);
    std::erase_if(plan.refused, [&camera = camera](const Quarantine::Refused& one) { return one.judged->drop.camera == camera; });
  }
}

void Committer::record_refusal(const Quarantine::Refused& refused, Plan& plan) {
  const auto& drop = refused.judged->drop;
  const auto verdict = first_refusal(*refused.judged);
  // The camera did not send what is not its own, and may have the same octets in its spool.
  if (verdict != Verdict::not_a_file) index_.add_refusal(drop.camera, {hint(drop.dropped_as()), refused.digest, verdict}, drop.received_at);
  log_.warning(LogLine("refused").field("camera", drop.camera.text()).field("verdict", verdict_name(verdict)).untrusted("file", drop.dropped_as()));
  plan.receipts_for.insert(drop.camera);
}

envelope::Receipt Committer::make_receipt(const CameraId& camera) {
  const auto again = again_.find(camera);
  auto runs = again == again_.end() ? std::vector<envelope::Run>{} : again->second;
  raise_receipt_number(camera);
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
    for (const auto& refused : plan.refused) record_refusal(refused, plan);
    for (const auto& camera : plan.receipts_for) plan.receipts.push_back(make_receipt(camera));
    index_.commit();
  } catch (...) {
    index_.rollback();
    numbered_.clear();
    throw;
  }
}

std::string receipts_path(const ServerPaths& paths, const CameraId& camera) { return paths.drop + "/" + camera.account() + "/receipts"; }

// One camera's broken directory, or a disk of its own, is no trouble of the others. Without its receipt its drops stay, and are found to be duplicates
// later. Receipts on one disk are written together.
void Committer::write_receipts(const std::vector<Plan*>& plans) {
  std::map<CameraId, const envelope::Receipt*> newest;
  for (const auto* plan : plans)
    for (const auto& receipt : plan->receipts) newest.insert_or_assign(receipt.camera, &receipt);
  struct OnDisk {
    ReplaceGroup group;
    std::vector<CameraId> cameras;
  };
  std::map<dev_t, OnDisk> disks;
  const auto leave_one = [&](const CameraId& camera, const Error& error) {
    troubles_.wait(camera, error.what());
    for (auto* plan : plans) std::erase_if(plan->settled.drops, [&camera](const JudgedDrop* judged) { return judged->drop.camera == camera; });
  };
  for (const auto& [camera, receipt] : newest) {
    const auto path = receipts_path(context_.paths, camera);
    try {
      auto dir = open_dir(path);
      auto& disk = disks[device_of(dir)];
      disk.group.add(std::move(dir), kReceiptName, envelope::sign_receipt(*receipt, receipt_key_), 0640, path + "/" + kReceiptName);
      disk.cameras.push_back(camera);
    } catch (const Error& error) {
      leave_one(camera, error);
    }
  }
  for (auto& [device, disk] : disks) {
    try {
      const auto answers = disk.group.commit();
      for (std::size_t i = 0; i < answers.size(); ++i)
        if (answers[i]) leave_one(disk.cameras[i], *answers[i]);
    } catch (const Error& error) {
      if (device == device_of(open_dir(context_.paths.drop))) throw;
      for (const auto& camera : disk.cameras) leave_one(camera, error);
    }
  }
}

// Only the file that was judged: the camera may have put another under the same name.
static void remove_if_judged(int dir, const Drop& drop, const std::string& name) {
  struct stat info {};
  if (::fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (info.st_dev == drop.device && info.st_ino == drop.inode) unlink_at(dir, name);
}

void Committer::remove(const Settled& settled) {
  std::map<std::pair<CameraId, bool>, Fd> dirs;
  std::set<CameraId> troubled;
  for (const auto* judged : settled.drops) {
    const auto& camera = judged->drop.camera;
    const bool is_held = judged->drop.is_held;
    if (troubled.contains(camera)) continue;
    try {
      auto& dir = dirs[{camera, is_held}];
      if (!dir) dir = open_dir(is_held ? held_path(context_.paths, camera) : incoming_path(context_.paths, camera));
      for (const auto& name : {judged->drop.name, part_name(judged->drop.name)}) remove_if_judged(dir.get(), judged->drop, name);
    } catch (const Error& error) {
      // It would be taken again without end.
      troubled.insert(camera);
      troubles_.wait(camera, error.what());
    }
  }
  for (const auto& [place, dir] : dirs)
    if (!troubled.contains(place.first)) troubles_.works(place.first);
}

// ---- groups side by side -------------------------------------------------------------------------------------------------------------

// A place in the order in which groups come to the books. Given back before its rows are there, it takes with it all that were given later: they may
// rest on what this one did not do.
class Committer::Turn {
 public:
  // With the books held.
  Turn(Committer& committer, const Plan& plan) : committer_(committer), plan_(plan), number_(committer.turns_++) {}
  // What the plan says from now on is on its way.
  void begin() {
    committer_.busy_.insert(plan_.busy.begin(), plan_.busy.end());
    has_begun_ = true;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (has_ended_) return;
    std::unique_lock books(committer_.books_);
    wait(books);
    committer_.broken_ = true;
    committer_.doubtful_.insert(plan_.folders.begin(), plan_.folders.end());
    end();
  }
  [[nodiscard]] bool come() {
    std::unique_lock books(committer_.books_);
    wait(books);
    return !committer_.broken_;
  }
  // With the books held: the rows are there.
  void end() {
    for (const auto& digest : plan_.digests) committer_.in_flight_.erase(digest);
    if (has_begun_)
      for (const auto& camera : plan_.busy) committer_.busy_.erase(committer_.busy_.find(camera));
    for (const auto& [folder, camera] : plan_.folders) committer_.written_.insert_or_assign(folder, std::pair(camera, monotonic_ms()));
    has_ended_ = true;
    ++committer_.turn_;
    committer_.moved_.notify_all();
  }

 private:
  void wait(std::unique_lock<std::mutex>& books) {
    committer_.moved_.wait(books, [this] { return committer_.turn_ == number_; });
  }
  Committer& committer_;
  const Plan& plan_;
  std::uint64_t number_;
  bool has_begun_ = false, has_ended_ = false;
};

bool Committer::is_broken() const {
  const std::lock_guard books(books_);
  return broken_;
}

void Committer::keep_books(Plan& plan) {
  stored_.clear();
  {
    const std::lock_guard books(books_);
    leave_troubled(plan);
  }
  keep_refused(plan);
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
    turn.emplace(*this, plan);
    plan_group(group, plan);
    turn->begin();
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
