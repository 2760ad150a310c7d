// SPDX-License-Identifier: Apache-2.0
// What a receipt does on this side: envelopes leave the spool, refused ones move aside, losses of the server are told. See receipt.h for what it may do.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/base/assistant.h"
#include "src/base/log.h"
#include "src/uploader/identity.h"
#include "src/uploader/kept.h"
#include "src/uploader/parcel.h"
#include "src/uploader/receipt.h"
#include "src/uploader/renewal.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

struct SenderHooks {
  std::function<bool()> stop;                                // asked often
  std::function<void(LogLevel, const LogLine&)> log;
  std::function<void(const envelope::Receipt&)> on_receipt;  // before it is applied: what contradicts it is still in the spool
  std::function<void()> on_refused;                          // an envelope is in refused/ now
  std::function<void()> on_loss;                             // something is lost: time to look for gaps
  // No gap, whatever it looks like: what the server still has of a run that it lost in part ("held"), an event that is damaged itself ("event").
  std::function<void(const ChainId&, std::uint64_t first, std::uint64_t last, const std::string& why)> on_explained;
  Renewal::MakeRequest make_request;                         // for a newer certificate
};

class LettingGo {
 public:
  LettingGo(const Context& context, const Identity& identity, Spool& spool, const SenderHooks& hooks);
  // False: nothing new in it. Throws when the disk of the state fails.
  bool take(ByteView receipt);
  // Until what the last receipt covers is remembered and gone; what was left when it threw is tried again by the next.
  void settle();
  void note_sent(const Parcel& parcel);
  void prune_kept() { spool_.prune_kept(context_.settings.keep, age_); }
  [[nodiscard]] TimeMs time() const { return receipts_.time; }  // of the newest receipt; 0: none was seen

  // For the thread that seals. What was seen is lost, and no event is on its way that would prove a receipt to be fresh.
  [[nodiscard]] bool needs_proof() const { return needs_proof_; }
  void prove_by(const EnvelopeName& event);

 private:
  void apply(const envelope::Receipt& receipt);
  [[nodiscard]] bool is_news(const envelope::Receipt& receipt);
  [[nodiscard]] Coverage coverage_of(const envelope::Receipt& receipt) const;
  [[nodiscard]] bool is_proven(const Coverage& covered);
  void take_proof();
  void remember(const envelope::Receipt& receipt, const Coverage& covered);
  void begin();
  void look_for_losses(const envelope::Receipt& receipt);
  void apply_refusals(const envelope::Receipt& receipt);
  void apply_refusal(const envelope::Refusal& refusal);

  const Context& context_;
  const Identity& identity_;
  Spool& spool_;
  const SenderHooks& hooks_;
  ReceiptState receipts_;
  AgeClock age_;
  std::map<std::string, std::vector<EnvelopeName>> parcels_;  // by name: of several envelopes, sent and not yet answered
  std::uint64_t unproven_ = 0;                                // the number of the receipt that proved nothing
  std::int64_t proof_due_ = 0;
  std::atomic<bool> needs_proof_{false};
  std::mutex mutex_;
  std::optional<EnvelopeName> offered_;
  std::vector<EnvelopeName> leaving_;  // covered, and not yet gone
  Assistant assistant_;
  std::optional<Assistant::Task> task_;  // beside the next parcels: an SD card takes its time to sync and to free
};

}  // namespace shutterseal::uploader
