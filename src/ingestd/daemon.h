// SPDX-License-Identifier: Apache-2.0
// The daemon's loop: what is there goes through the pipeline, fairly between cameras, until told to stop.
#pragma once

#include "src/base/notify.h"
#include "src/base/program.h"
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
  bool sweep(const std::vector<CameraId>& cameras);
  std::size_t take_some(const CameraId& camera);
  [[nodiscard]] bool has_space();
  void work_off(const std::vector<CameraId>& cameras);
  [[nodiscard]] bool must_stop();

  const Context& context_;
  const Log& log_;
  StopSignal& stop_signal_;
  ServiceManager manager_;
  registry::Registry registry_;
  Quarantine things_;
  Committer committer_;
  Intake intake_;
  Watch watch_;
  Pipeline pipeline_;
  bool told_full_ = false;
};

}  // namespace shutterseal::ingestd
