// SPDX-License-Identifier: Apache-2.0
// Decide and commit: a group of judged drops becomes evidence, index rows and receipts, in an order in which a crash at any point loses nothing
// and stores nothing twice. Several threads may commit at a time: their evidence is synced side by side, the books are kept one group after the other.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "src/base/log.h"
#include "src/envelope/receipt.h"
#include "src/evidence/evidence.h"
#include "src/ingestd/alarm.h"
#include "src/ingestd/drop.h"
#include "src/ingestd/quarantine.h"
#include "src/ingestd/settings.h"
#include "src/ingestd/troubles.h"
#include "src/ledger/index.h"
#include "src/registry/registry.h"
#include "src/server/adopt.h"
#include "src/server/presence.h"
#include "src/server/theft.h"

namespace shutterseal::ingestd {

class Committer {
 public:
  Committer(const Context& context, const registry::Registry& registry, Troubles& troubles, const Log& log);
  // Before any drop is taken: evidence, and what was put aside, that has no index row gets its row, whatever its time. A camera whose evidence cannot be
  // looked through, or is not there, waits. Error: the index, or the store as a whole, is not what it must be.
  void adopt(const server::JudgeOne& judge);
  void catch_up();  // at start, after adoption: what was stored and not alerted. From then on what is adopted is alerted as it gets its row
  // After a failure: the same of the folders that the groups on their way wrote to.
  void recover(const server::JudgeOne& judge);
  // Looks again at each camera that waits, and lets it be tried where nothing is in its way any more; notes which folders of evidence need not be looked
  // through at the next start. By one thread, beside commits.
  void mend(const server::JudgeOne& judge);
  // Of a group: those whose receipts are on stable storage, or that no receipt will speak of, for remove(); and cameras with drops that are to be taken
  // afresh. The drops of a camera in trouble stay, and it waits. Nothing, or an Error: the drops are where they were, and no group is committed before
  // recover() has succeeded. Nothing: another group failed, and its thread has the Error.
  struct Settled {
    std::vector<const JudgedDrop*> drops;
    std::set<CameraId> again;
  };
  [[nodiscard]] std::optional<Settled> commit(const std::vector<JudgedDrop>& group);
  // Apart, because nothing waits for it: on some disks removing a file takes longer than all else.
  void remove(const Settled& settled);
  [[nodiscard]] bool is_broken() const;
  // What commit() will store of it, written beforehand: by any thread.
  [[nodiscard]] std::shared_ptr<evidence::Draft> draft(const CameraId& camera, TimeMs received_at, ByteView content) { return store_->draft(camera, received_at, content); }
  Alarms& alarms() { return alarms_; }
  Quarantine& quarantine() { return quarantine_; }
  [[nodiscard]] std::uint64_t free_space() const { return store_->free_space(); }

 private:
  struct Plan;
  struct Known;
  struct ToStore;
  class Turn;
  using Folders = std::map<std::pair<ledger::Index::Store, evidence::Location>, CameraId>;
  // ---- commit.cc
  void note_again(const CameraId& camera, const envelope::Judged& one);
  void plan_group(const std::vector<JudgedDrop>& group, Plan& plan);
  void plan_drop(const JudgedDrop& judged, Plan& plan);
  [[nodiscard]] bool plan_envelope(const JudgedDrop& judged, const envelope::Judged& one, Plan& plan);
  void leave(const CameraId& camera, const std::string& reason, Plan& plan);
  void leave_troubled(Plan& plan);
  void take_out(const CameraId& camera, Plan& plan);
  void keep_books(Plan& plan);
  void keep_refused(Plan& plan);
  void record(Plan& plan);
  void record_envelope(const ToStore& one);
  void record_refusal(const Quarantine::Refused& refused, Plan& plan);
  [[nodiscard]] ledger::Theft* theft_of(const registry::Camera& camera);
  [[nodiscard]] const Known& look_up(const CameraId& id, Plan& plan);
  [[nodiscard]] bool contains(const ledger::Row& row) const;
  void sort_out(Plan& plan);
  void put(Plan& plan, ledger::Place place);
  void tell_clash(const ToStore& stored, const evidence::Location& taken);
  void tell_theft(const ToStore& stored, const Plan& plan);
  void acquit(Plan& plan);
  [[nodiscard]] envelope::Receipt make_receipt(const CameraId& camera);
  void write_receipts(const std::vector<Plan*>& plans);
  [[nodiscard]] bool hand_out_receipts(Plan& plan);
  // ---- mend.cc
  [[nodiscard]] std::vector<ledger::Row> take_adopted();
  [[nodiscard]] server::Adopter adopter(ledger::Place place, const server::JudgeOne& judge, bool is_news);
  [[nodiscard]] std::set<CameraId> all_cameras() const;
  [[nodiscard]] std::optional<std::string> why_missing(const CameraId& camera);
  [[nodiscard]] std::optional<std::string> why_not_adopted(const CameraId& camera, server::Adopter& evidence, server::Adopter& put_aside);
  [[nodiscard]] std::optional<std::string> why_not_ready(const CameraId& camera);
  [[nodiscard]] bool mend_one(const CameraId& camera, const server::JudgeOne& judge);
  void begin_without_log();
  void expect_newest_of_some(const std::vector<CameraId>& known) const;
  void note_folders(const server::JudgeOne& judge);
  void tell_adoption(const server::Adopter& adopter);
  void raise_receipt_number(const CameraId& camera);

  const Context& context_;
  const registry::Registry& registry_;
  Troubles& troubles_;
  const Log& log_;
  envelope::ReceiptKey receipt_key_;
  std::unique_ptr<evidence::Store> store_, void_;
  mutable std::mutex books_;  // held by whoever reads or writes what follows, up to quarantine_
  ledger::Index index_;
  std::map<CameraId, std::vector<envelope::Run>> again_;  // stored before, and sent again
  std::map<CameraId, ledger::Theft> thefts_;              // what was found out of stolen cameras, until a failure
  std::set<Digest> in_flight_;                            // in groups that have no rows yet
  std::multiset<CameraId> busy_;                          // whose they are
  std::uint64_t turns_ = 0, turn_ = 0;                    // given to groups; whose it is
  bool broken_ = false;
  Folders doubtful_;                                       // written to by groups that failed
  std::map<Folders::key_type, std::pair<CameraId, std::int64_t>> written_;  // by groups that did not, and when last: to be noted once they rest
  std::set<CameraId> numbered_;                            // whose receipts' number is known to be the last
  std::vector<Plan*> desk_;  // of groups whose receipts nobody writes yet, in the order of the books
  bool is_handing_out_ = false;
  std::condition_variable moved_;
  std::map<Digest, ledger::Row> adopted_;  // and not told to the alarms yet
  bool caught_up_ = false;
  Quarantine quarantine_;
  Alarms alarms_;
  std::vector<ledger::Row> stored_;  // of the group whose turn it is
};

[[nodiscard]] std::string receipts_path(const ServerPaths& paths, const CameraId& camera);
inline constexpr const char* kReceiptName = "receipt.p7m";

}  // namespace shutterseal::ingestd
