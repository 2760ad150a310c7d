// SPDX-License-Identifier: Apache-2.0
// Decide and commit: a group of judged drops becomes evidence, index rows and receipts, in an order in which a crash at any point loses nothing
// and stores nothing twice. One thread owns this object.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "src/base/log.h"
#include "src/envelope/receipt.h"
#include "src/evidence/evidence.h"
#include "src/ingestd/quarantine.h"
#include "src/ingestd/settings.h"
#include "src/ingestd/snapshot.h"
#include "src/ledger/index.h"
#include "src/registry/registry.h"
#include "src/server/adopt.h"

namespace shutterseal::ingestd {

struct JudgedDrop {
  Drop drop;
  std::vector<envelope::Judged> envelopes;
  std::vector<server::Signer> signers;  // that the verifier was given
};

class Committer {
 public:
  Committer(const Context& context, const registry::Registry& registry, const Log& log);
  // Evidence without an index row (a crash between link and transaction) gets its row. Before any drop is taken.
  void adopt(const server::JudgeOne& judge);
  // After an Error the drops are where they were; adopt() must succeed before the next commit().
  void commit(const std::vector<JudgedDrop>& group);
  [[nodiscard]] std::uint64_t free_space() const { return store_->free_space(); }

 private:
  struct Plan;
  void note_again(const CameraId& camera, const envelope::Judged& one);
  void plan_drop(const JudgedDrop& judged, Plan& plan);
  void record(Plan& plan);
  void record_envelope(const JudgedDrop& judged, const envelope::Judged& one, const evidence::Location& location);
  void refuse(const JudgedDrop& judged, Plan& plan);
  void put_aside(const JudgedDrop& judged);
  [[nodiscard]] envelope::Receipt make_receipt(const CameraId& camera);
  void write_receipts(Plan& plan);
  void remove_drops(const std::vector<const JudgedDrop*>& settled);

  const Context& context_;
  const registry::Registry& registry_;
  const Log& log_;
  envelope::ReceiptKey receipt_key_;
  std::unique_ptr<evidence::Store> store_;
  ledger::Index index_;
  Quarantine quarantine_, void_;
  std::map<CameraId, std::vector<envelope::Run>> again_;  // stored before, and sent again
};

}  // namespace shutterseal::ingestd
