// SPDX-License-Identifier: Apache-2.0
// From the spool to the server and back: parcels go out, receipts come in, and only what a receipt covers is let go.
#pragma once

#include <atomic>
#include <random>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/transport/transport.h"
#include "src/uploader/identity.h"
#include "src/uploader/letting_go.h"
#include "src/uploader/link_state.h"
#include "src/uploader/parcel.h"
#include "src/uploader/renewal.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

class Sender {
 public:
  using Hooks = SenderHooks;
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
  void settle() { letting_go_.settle(); }  // throws what went wrong with it
  // For who stays: what step() or settle() threw is said, and tried again after a pause. A state that cannot be written costs no picture.
  Step after_trouble(const Error& error);

  // For the thread that seals. Whether a receipt was looked at since an envelope was put aside: the server may have it.
  [[nodiscard]] bool has_heard() const { return has_heard_; }
  void owe_look() { owes_look_ = true; }  // something is damaged that was not stated: a receipt is looked at although nothing waits. By any thread
  [[nodiscard]] LettingGo& letting_go() { return letting_go_; }

 private:
  Step without_due(std::int64_t now);
  Step send(const std::vector<Envelope>& due);
  void note_sent(const Parcel& parcel, const transport::Result& result);
  [[nodiscard]] bool is_suspicious(const std::vector<Envelope>& due) const;
  [[nodiscard]] std::vector<Envelope> whole_ones(const std::vector<Envelope>& due);
  void put_aside(const Envelope& envelope, const Examined& examined);
  void hear();
  Step pause(int& tries);
  Step look_for_receipt();
  Step look_between();
  enum class Look { news, nothing, failed };
  Look fetch_receipt();
  Step after_failure();
  void note_contact(const transport::Result& result);
  void save_link();
  void look_for_bundle();
  bool ask_for_renewal();

  const Context& context_;
  const Identity& identity_;
  Spool& spool_;
  Hooks hooks_;
  transport::Connection connection_;
  Renewal renewal_;
  LettingGo letting_go_;
  LinkState link_;
  Pace pace_;
  transport::Result last_;
  std::mt19937_64 random_{std::random_device{}()};
  std::int64_t pause_ms_ = 0, awaiting_since_ = 0, next_look_ = 0, look_pause_ = 0, next_bundle_look_ = 0, retry_at_ = 0;
  std::uint64_t unanswered_ = 0;  // octets, since the last look at the receipt
  int failures_ = 0, troubles_ = 0;
  std::int64_t last_trouble_ = 0;
  std::int64_t suspicious_until_ = 0;  // a disk that damaged one file damages others: each is read before the line is troubled with it
  bool new_bundle_ = false, is_link_said_ = false;
  std::atomic<bool> owes_look_{false};
  std::atomic<bool> has_heard_{false};
};

}  // namespace shutterseal::uploader
