// SPDX-License-Identifier: Apache-2.0
// When a heartbeat is due: nothing was sealed for an interval and nothing waits, for what waits is a sign of life itself; and beside pictures one a
// day, so that the server knows what to expect of a camera that is never idle. watch counts by the monotonic clock; run, which ends, keeps the time of
// the last one in state/heartbeat.
#pragma once

#include "src/base/time.h"
#include "src/uploader/settings.h"

namespace shutterseal::uploader {

// The note of such an event: "heartbeat 900", in seconds.
[[nodiscard]] std::string heartbeat_note(std::int64_t interval_ms);

class Heartbeat {
 public:
  explicit Heartbeat(const Context& context);
  void sealed() { sealed_ = monotonic_ms(); }  // a picture
  void beaten();                               // a heartbeat
  [[nodiscard]] bool is_due(bool nothing_waits) const;
  // For run, once, when it sealed what there was.
  [[nodiscard]] bool is_due_in_run(bool nothing_waits);
  void beaten_in_run() const;

 private:
  std::string file_;
  std::int64_t interval_, sealed_, beaten_;
};

}  // namespace shutterseal::uploader
