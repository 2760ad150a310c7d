// SPDX-License-Identifier: Apache-2.0
// What run and watch share: two threads over one spool. The one that seals must not wait for the line, the one that sends not for the disk.
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "src/base/log.h"
#include "src/base/notify.h"
#include "src/base/program.h"
#include "src/uploader/capture.h"
#include "src/uploader/gaps.h"
#include "src/uploader/heartbeat.h"
#include "src/uploader/sender.h"
#include "src/uploader/station.h"
#include "src/uploader/troubles.h"
#include "src/uploader/watcher.h"

namespace shutterseal::uploader {

enum class Ending { stopped, drained, failed, new_bundle };

class Session {
 public:
  Session(const Context& context, const Secret& passphrase, const Log& log, StopSignal& stop_signal);
  // Seals what is there, sends it, waits for the receipt: at most receipt-timeout. Gives up at the first failure of the line.
  [[nodiscard]] Ending run();
  // Until SIGTERM, or a new bundle.
  [[nodiscard]] Ending watch();

  [[nodiscard]] const Place& place() const { return capture_.place(); }
  [[nodiscard]] std::size_t rejected() const { return rejected_; }
  [[nodiscard]] bool is_spool_full() const { return spool_full_; }
  [[nodiscard]] Backlog backlog() const { return spool_.backlog(); }
  [[nodiscard]] const Sender& sender() const { return sender_; }

 private:
  [[nodiscard]] Sender::Hooks hooks();
  void attempt(const std::function<void()>& step);
  void tell(const std::vector<LogLine>& lines) const;
  void look_at_place();
  [[nodiscard]] bool leave_place();
  void seal_left();
  [[nodiscard]] std::vector<std::string> claim();
  void take_judged();
  std::size_t seal_group(const std::vector<std::string>& group);
  bool seal_some();
  void seal_all();
  void seal_untold();
  [[nodiscard]] bool has_room();
  void state_gaps();
  void state_late_gaps(std::exception_ptr& failure);
  void state_losses(bool ending);
  void state_troubles();
  void beat(bool running);
  void drain(bool stay);
  void work();
  void wait_for_pictures();
  void wait_for_notice();
  [[nodiscard]] std::int64_t pause() const;
  void poll_stop();
  void send_until_done(bool stay);
  void refuse_to_hang() const;
  [[nodiscard]] Ending finish(std::thread& sending, const std::exception_ptr& failure);

  const Context& context_;
  const Log& log_;
  StopSignal& stop_signal_;
  ServiceManager manager_;
  std::future<envelope::PrivateKey> opening_;  // beside the signing key: each takes 600,000 rounds
  Identity identity_;
  std::unique_ptr<envelope::Sealer> sealer_;
  Troubles troubles_;
  Capture capture_;
  Watcher watcher_;
  Spool spool_;
  Station station_;
  std::atomic<bool> stop_{false}, sealed_all_{false};
  Login login_;
  Sender sender_;
  std::deque<std::string> claimed_;
  Heartbeat heartbeat_;
  StatedGaps stated_;
  LossCounter losses_;
  Unsealed unsealed_;
  std::int64_t next_gap_look_ = 0;
  std::atomic<bool> refused_{false}, lost_{false};
  std::size_t rejected_ = 0;
  bool spool_full_ = false;
  std::exception_ptr failed_;    // of the sealing thread's last round: its first
  std::int64_t waited_ms_ = 0;   // between two looks for a picture that is not finished, growing
  std::atomic<Ending> ending_{Ending::stopped};
  std::atomic<bool> sender_ended_{false};
  std::exception_ptr failure_;  // of the sending thread; read after it was joined
};

}  // namespace shutterseal::uploader
