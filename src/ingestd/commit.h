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
#include "src/ledger/index.h"
#include "src/registry/registry.h"
#include "src/server/adopt.h"
#include "src/server/theft.h"

namespace shutterseal::ingestd {

class Committer {
 public:
  Committer(const Context& context, const registry::Registry& registry, const Log& log);
  // Evidence, and what was put aside, without an index row (a crash between link and transaction) gets its row. Before any drop is taken, and after a failure.
  void adopt(const server::JudgeOne& judge);
  void catch_up();  // at start, after adoption: what was stored and not alerted. From then on adopt() alerts what it gave a row
  // Of a group: those whose receipts are on stable storage, or that no receipt will speak of, for remove(); cameras whose receipt could not be
  // written, so that their drops stay; and cameras with drops that are to be taken afresh. Nothing, or an Error: the drops are where they
  // were, and no group is committed before adopt() has succeeded. Nothing: another group failed, and its thread has the Error.
  struct Settled {
    std::vector<const JudgedDrop*> drops;
    std::set<CameraId> without_receipt, again;
  };
  [[nodiscard]] std::optional<Settled> commit(const std::vector<JudgedDrop>& group);
  // Apart, because nothing waits for it: on some disks removing a file takes longer than all else. An Error counts as one of commit().
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
  void note_again(const CameraId& camera, const envelope::Judged& one);
  void plan_drop(const JudgedDrop& judged, Plan& plan);
  void keep_books(Plan& plan);
  void record(Plan& plan);
  void record_envelope(const ToStore& one);
  [[nodiscard]] Quarantine::Refused refuse(const JudgedDrop& judged, Plan& plan);
  [[nodiscard]] ledger::Theft* theft_of(const registry::Camera& camera);
  [[nodiscard]] const Known& look_up(const CameraId& id, Plan& plan);
  [[nodiscard]] bool proves_more(TimeMs received, const envelope::Judged& one, const ledger::Theft& theft) const;
  void sort_out(Plan& plan);
  void put(Plan& plan, ledger::Place place);
  void tell_theft(const ToStore& stored, const Plan& plan);
  void acquit(Plan& plan);
  [[nodiscard]] envelope::Receipt make_receipt(const CameraId& camera);
  void write_receipts(const std::vector<Plan*>& plans);
  [[nodiscard]] bool hand_out_receipts(Plan& plan);
  [[nodiscard]] std::vector<ledger::Row> take_adopted();

  const Context& context_;
  const registry::Registry& registry_;
  const Log& log_;
  envelope::ReceiptKey receipt_key_;
  std::unique_ptr<evidence::Store> store_, void_;
  mutable std::mutex books_;  // held by whoever reads or writes what follows, up to quarantine_
  ledger::Index index_;
  std::map<CameraId, std::vector<envelope::Run>> again_;  // stored before, and sent again
  std::map<CameraId, ledger::Theft> thefts_;              // what was found out of stolen cameras, until a failure
  std::set<Digest> in_flight_;                            // in groups that have no rows yet
  std::uint64_t turns_ = 0, turn_ = 0;                    // given to groups; whose it is
  bool broken_ = false;
  std::vector<Plan*> desk_;  // of groups whose receipts nobody writes yet, in the order of the books
  bool is_handing_out_ = false;
  std::condition_variable moved_;
  Quarantine quarantine_;
  Alarms alarms_;
  std::vector<ledger::Row> stored_;  // of the group whose turn it is
  std::map<Digest, ledger::Row> adopted_;  // and not told to the alarms yet
  bool caught_up_ = false;
};

}  // namespace shutterseal::ingestd
