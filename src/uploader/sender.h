// SPDX-License-Identifier: Apache-2.0
// From the spool to the server and back: parcels go out, receipts come in, and only what a receipt covers is let go.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "src/base/assistant.h"
#include "src/transport/transport.h"
#include "src/uploader/identity.h"
#include "src/uploader/parcel.h"
#include "src/uploader/receipt.h"
#include "src/uploader/renewal.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

// state/link: what `status` says about the last contact.
struct LinkState {
  std::string error;  // empty: the last contact was good
  TimeMs error_at = 0, contact_at = 0;
};
[[nodiscard]] LinkState load_link_state(const std::string& file);

class Sender {
 public:
  struct Hooks {
    std::function<bool()> stop;                                // asked often
    std::function<void(LogLevel, const LogLine&)> log;
    std::function<void(const envelope::Receipt&)> on_receipt;  // before it is applied: what contradicts it is still in the spool
    std::function<void()> on_refused;                          // an envelope is in refused/ now
    // Part of a run that was receipted and is no longer held whole: the server says that it still has this much.
    std::function<void(const ChainId&, std::uint64_t first, std::uint64_t last)> on_still_held;
    Renewal::MakeRequest make_request;                         // for a newer certificate
  };
  Sender(const Context& context, const Identity& identity, Login& login, Spool& spool, Hooks hooks);

  enum class Step {
    sent,      // a parcel went out, or a receipt came: go on
    waiting,   // for a receipt, or for the line to come back: pause_ms() says how long
    idle,      // the spool is empty
  };
  // One thing: the next parcel, or a look at the receipt. Never blocks longer than a transfer.
  [[nodiscard]] Step step();
  [[nodiscard]] std::int64_t pause_ms() const { return pause_ms_; }
  [[nodiscard]] transport::Outcome last_outcome() const { return last_.outcome; }
  [[nodiscard]] const std::string& last_detail() const { return last_.detail; }
  [[nodiscard]] bool has_new_bundle() const { return new_bundle_; }
  [[nodiscard]] std::int64_t awaiting_since() const { return awaiting_since_; }  // monotonic; 0: nothing awaited
  [[nodiscard]] bool is_stuck() const;  // inside a library that does not return from a line that is gone; from any thread
  void close_if_idle() { connection_.close_if_idle(); }
  void settle();  // until what the last receipt covers is gone; throws what went wrong with it

 private:
  Step send(const std::vector<Envelope>& due);
  Step look_for_receipt();
  Step look_between();
  enum class Look { news, nothing, failed };
  Look fetch_receipt();
  Step after_failure();
  void note_contact(const transport::Result& result);
  bool take_receipt(ByteView bytes);
  void apply(const envelope::Receipt& receipt);
  void let_go(const std::vector<EnvelopeName>& covered);
  void look_for_losses(const envelope::Receipt& receipt);
  void apply_refusal(const envelope::Refusal& refusal);
  void look_for_bundle();
  bool ask_for_renewal();

  const Context& context_;
  const Identity& identity_;
  Spool& spool_;
  Hooks hooks_;
  transport::Connection connection_;
  Renewal renewal_;
  ReceiptState receipts_;
  LinkState link_;
  Pace pace_;
  transport::Result last_;
  std::map<std::string, std::vector<EnvelopeName>> parcels_;  // by name: of several envelopes, sent and not yet answered
  std::mt19937_64 random_{std::random_device{}()};
  std::int64_t pause_ms_ = 0, awaiting_since_ = 0, next_look_ = 0, look_pause_ = 0, next_bundle_look_ = 0, retry_at_ = 0;
  std::uint64_t unanswered_ = 0;  // octets, since the last look at the receipt
  int failures_ = 0;
  bool new_bundle_ = false;
  Assistant assistant_;
  std::optional<Assistant::Task> letting_go_;  // of what a receipt covers
};

}  // namespace shutterseal::uploader
