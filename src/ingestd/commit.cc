// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/commit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/ingestd/intake.h"

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
      index_(context.paths.index, ledger::Access::read_write),
      quarantine_(context.paths.quarantine, context.settings.quarantine_quota),
      void_(context.paths.void_dir, UINT64_MAX),
      alarms_(context, registry, log) {}

void Committer::adopt(const server::JudgeOne& judge) {
  std::unique_lock books(books_);
  turned_.wait(books, [this] { return turn_ == turns_; });
  const auto newest = index_.newest();
  // Evidence from a backup, or not mounted, below today's index: what the cameras send again would be taken for duplicates, receipted, and be lost.
  if (newest && !store_->contains(newest->location))
    throw Error(ErrorKind::data, "the index knows '" + context_.paths.evidence + "/" + newest->location +
                                     "', which is not there: mount the evidence, or after restoring it run 'shutterseal index rebuild'");
  // A clock that was set back received after the newest row, but at an earlier time.
  const auto since = newest ? std::max<TimeMs>(0, std::min(newest->received_at, now_ms()) - kAdoptionMargin) : 0;
  const auto adoption = server::adopt(*store_, index_, registry_, since, judge, [](const server::Adoption&) {});
  for (const auto& name : adoption.left_out) log_.warning(LogLine("not-adopted").untrusted("file", name));
  if (adoption.adopted != 0) log_.info(LogLine("adopted").number("envelopes", static_cast<std::int64_t>(adoption.adopted)));
  broken_ = false;
}

// ---- one group ----------------------------------------------------------------------------------------------------------------------

struct Committer::Plan {
  struct ToStore {
    const JudgedDrop* judged;
    const envelope::Judged* envelope;
  };
  std::vector<ToStore> to_store;
  std::vector<evidence::Item> items;
  std::vector<evidence::Location> locations;
  std::set<Digest> digests;  // of to_store
  std::vector<const JudgedDrop*> refused, settled, put_aside;
  std::set<CameraId> receipts_for;
  std::vector<envelope::Receipt> receipts;
  std::map<CameraId, std::optional<registry::State>> states;  // once a group

  std::optional<registry::State> state_of(const registry::Registry& registry, const CameraId& id) {
    const auto known = states.find(id);
    if (known != states.end()) return known->second;
    return states.emplace(id, read_state(registry, id)).first->second;
  }
  // A camera.conf that was broken since intake stops its camera and no other.
  static std::optional<registry::State> read_state(const registry::Registry& registry, const CameraId& id) {
    try {
      const auto camera = registry.find(id);
      return camera ? std::optional(camera->state) : std::nullopt;
    } catch (const Error&) {
      return std::nullopt;
    }
  }
};

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

static evidence::Item item_of(const JudgedDrop& judged, std::size_t at) {
  const auto& one = judged.envelopes[at];
  evidence::Item item{judged.drop.camera, one.passage.chain, one.passage.sequence, one.digest, judged.drop.received_at, {}, nullptr};
  if (judged.drafts.empty())
    item.content = ByteView(judged.octets).subspan(one.offset, one.size);
  else
    item.draft = judged.drafts[at];
  return item;
}

void Committer::plan_drop(const JudgedDrop& judged, Plan& plan) {
  // Read again here: a camera that was suspended or revoked since intake must not slip through.
  const auto state = plan.state_of(registry_, judged.drop.camera);
  if (!state || leaves_drops_waiting(*state)) return;
  if (*state == registry::State::revoked) {
    if (judged.drop.is_for_keeping) plan.put_aside.push_back(&judged);  // revoked just now: its next look keeps all of it
    return;
  }
  bool any_refused = false;
  for (std::size_t i = 0; i < judged.envelopes.size(); ++i) {
    const auto& one = judged.envelopes[i];
    any_refused = any_refused || is_refused(one.verdict);
    if (!is_stored(one.verdict)) continue;
    // The same envelope twice, in this group or in one on its way: stored with that one, receipted after it.
    if (in_flight_.contains(one.digest)) continue;
    if (index_.contains(one.passage.chain, one.passage.sequence, one.digest)) {
      note_again(judged.drop.camera, one);
      continue;
    }
    plan.digests.insert(one.digest);
    in_flight_.insert(one.digest);
    plan.to_store.push_back({&judged, &one});
    plan.items.push_back(item_of(judged, i));
  }
  if (any_refused) plan.refused.push_back(&judged);
  plan.settled.push_back(&judged);
  plan.receipts_for.insert(judged.drop.camera);
}

void Committer::record_envelope(const JudgedDrop& judged, const envelope::Judged& one, const evidence::Location& location) {
  const auto* signer = server::find_signer(judged.signers, one.certificate);
  SHUTTERSEAL_BUG_UNLESS(signer != nullptr);  // Verifier::judge() accepts nothing else
  const auto verdict = server::stored_verdict(judged.drop.camera, one, signer->not_after, judged.drop.received_at, index_);
  stored_.push_back(server::make_row(judged.drop.camera, one, verdict, judged.drop.received_at, location));
  static_cast<void>(index_.insert(stored_.back()));
  LogLine line("accepted");
  line.field("camera", judged.drop.camera.text()).field("chain", one.passage.chain.hex().substr(0, 8)).number("seq", static_cast<std::int64_t>(one.passage.sequence));
  line.number("bytes", static_cast<std::int64_t>(one.size)).field("sha256", one.digest.hex());
  if (verdict != Verdict::accepted) line.field("flag", verdict_name(verdict));
  log_.info(line);
}

// A name in a receipt is a hint, and only names of our own form are repeated.
static std::string hint(const std::string& name) {
  const bool plain = name.size() <= 80 && name.ends_with(".parcel") &&
                     std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.'; });
  return plain ? name : "-";
}

void Committer::refuse(const JudgedDrop& judged, Plan& plan) {
  const auto& drop = judged.drop;
  const auto digest = envelope::sha256(judged.octets);
  std::string reason;
  auto first = Verdict::accepted;
  for (const auto& one : judged.envelopes) {
    if (!is_refused(one.verdict)) continue;
    if (first == Verdict::accepted) first = one.verdict;
    if (reason.size() < 400) reason += (reason.empty() ? "" : ", ") + std::string(verdict_name(one.verdict)) + " at octet " + std::to_string(one.offset);
  }
  quarantine_.keep(judged, digest, reason);
  index_.add_refusal(drop.camera, {hint(drop.name), digest, first}, drop.received_at);
  log_.warning(LogLine("refused").field("camera", drop.camera.text()).field("verdict", verdict_name(first)).untrusted("file", drop.name));
  plan.receipts_for.insert(drop.camera);
}

void Committer::put_aside(const JudgedDrop& judged) {
  const auto digest = envelope::sha256(judged.octets);
  void_.keep(judged, digest, std::string(verdict_name(Verdict::void_after_theft)));
  log_.warning(LogLine("void").field("camera", judged.drop.camera.text()).field("verdict", verdict_name(Verdict::void_after_theft)).untrusted("file", judged.drop.name));
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
    for (std::size_t i = 0; i < plan.to_store.size(); ++i) record_envelope(*plan.to_store[i].judged, *plan.to_store[i].envelope, plan.locations[i]);
    for (const auto* judged : plan.refused) refuse(*judged, plan);
    for (const auto& camera : plan.receipts_for) plan.receipts.push_back(make_receipt(camera));
    index_.commit();
  } catch (...) {
    index_.rollback();
    throw;
  }
}

// One camera's broken directory is no trouble of the others. Without its receipt its drops stay, and are found to be duplicates later.
void Committer::write_receipts(Plan& plan) {
  ReplaceGroup group;
  std::vector<CameraId> written;
  const auto leave = [&](const CameraId& camera, const Error& error) {
    log_.error(LogLine("trouble").field("camera", camera.text()).sentence("reason", error.what()));
    std::erase_if(plan.settled, [&camera](const JudgedDrop* judged) { return judged->drop.camera == camera; });
  };
  for (const auto& receipt : plan.receipts) {
    const auto dir = context_.paths.drop + "/" + receipt.camera.account() + "/receipts";
    try {
      group.add(dir + "/receipt.p7m", envelope::sign_receipt(receipt, receipt_key_), 0640);
      written.push_back(receipt.camera);
    } catch (const Error& error) {
      leave(receipt.camera, error);
    }
  }
  const auto answers = group.commit();
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i]) leave(written[i], *answers[i]);
}

// Only the file that was judged: the camera may have put another under the same name.
static void remove_drop(int dir, const Drop& drop) {
  struct stat info {};
  if (::fstatat(dir, drop.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (info.st_dev == drop.device && info.st_ino == drop.inode) unlink_at(dir, drop.name);
}

void Committer::remove_drops(const std::vector<const JudgedDrop*>& settled) {
  std::map<CameraId, Fd> dirs;
  for (const auto* judged : settled) {
    auto& dir = dirs[judged->drop.camera];
    if (!dir) dir = open_dir(incoming_path(context_.paths, judged->drop.camera));
    remove_drop(dir.get(), judged->drop);
  }
}

// ---- groups side by side -------------------------------------------------------------------------------------------------------------

// A place in the order of groups. Given back without done(), it takes with it all that were given later: they may rest on what this one did not do.
class Committer::Turn {
 public:
  // With the books held.
  Turn(Committer& committer, const std::set<Digest>& digests) : committer_(committer), digests_(digests), number_(committer.turns_++) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    std::unique_lock books(committer_.books_);
    wait(books);
    for (const auto& digest : digests_) committer_.in_flight_.erase(digest);
    committer_.broken_ = committer_.broken_ || !done_;
    ++committer_.turn_;
    committer_.turned_.notify_all();
  }
  [[nodiscard]] bool come() {
    std::unique_lock books(committer_.books_);
    wait(books);
    return !committer_.broken_;
  }
  void done() noexcept { done_ = true; }

 private:
  void wait(std::unique_lock<std::mutex>& books) {
    committer_.turned_.wait(books, [this] { return committer_.turn_ == number_; });
  }
  Committer& committer_;
  const std::set<Digest>& digests_;
  std::uint64_t number_;
  bool done_ = false;
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
  // Crash between receipts: the same.
  write_receipts(plan);
  for (const auto* judged : plan.put_aside) put_aside(*judged);
  plan.settled.insert(plan.settled.end(), plan.put_aside.begin(), plan.put_aside.end());
  remove_drops(plan.settled);
}

bool Committer::commit(const std::vector<JudgedDrop>& group) {
  Plan plan;
  std::optional<Turn> turn;
  {
    const std::lock_guard books(books_);
    if (broken_) return false;
    turn.emplace(*this, plan.digests);
    for (const auto& judged : group) plan_drop(judged, plan);
  }
  // Crash before: the drops are still there. After: adopt() finds the files by their names and gives them rows.
  plan.locations = store_->put(plan.items);
  if (!turn->come()) return false;
  keep_books(plan);
  turn->done();
  return true;
}

}  // namespace shutterseal::ingestd
