// SPDX-License-Identifier: Apache-2.0
// The daemon's loop: what is there goes through the pipeline, fairly between cameras, until told to stop.
#pragma once

#include "src/base/notify.h"
#include "src/base/program.h"
#include "src/ingestd/holder.h"
#include "src/ingestd/intake.h"
#include "src/ingestd/pipeline.h"
#include "src/ingestd/watch.h"

namespace shutterseal::ingestd {

class Daemon {
 public:
  Daemon(const Context& context, const Log& log, StopSignal& stop_signal, Patience patience);
  void run_once();  // everything that is there now, until nothing that can be taken is left
  void run();

 private:
  enum class Left { nothing, more, pipeline_is_full };  // of a camera, after its turn
  [[nodiscard]] Left take_some(const CameraId& camera);
  [[nodiscard]] Left take_page(const Intake::Turn& turn);
  [[nodiscard]] Left take_from(const Intake::Turn& turn, Place place);
  [[nodiscard]] Left leave(const CameraId& camera);
  void make_due(const std::vector<CameraId>& cameras);
  [[nodiscard]] std::int64_t sweep();
  [[nodiscard]] bool has_space();
  void wait(std::int64_t longest_ms);
  void tend();
  [[nodiscard]] bool must_stop();

  const Context& context_;
  const Log& log_;
  StopSignal& stop_signal_;
  ServiceManager manager_;
  registry::Registry registry_;
  Troubles troubles_;
  Committer committer_;
  Intake intake_;
  Watch watch_;
  Pipeline pipeline_;
  Holder holder_;
  std::set<CameraId> due_;  // for a turn
  bool told_full_ = false;
};

}  // namespace shutterseal::ingestd
