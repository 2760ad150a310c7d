// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/heartbeat.h"

#include <algorithm>

#include "src/base/commit.h"
#include "src/uploader/state.h"

namespace shutterseal::uploader {

static constexpr std::int64_t kAnnounceMs = 24LL * 3600 * 1000;

std::string heartbeat_note(std::int64_t interval_ms) { return "heartbeat " + std::to_string(interval_ms / 1000); }

// The first comes an interval after the start at the latest, whatever moves.
Heartbeat::Heartbeat(const Context& context)
    : file_(context.state + "/heartbeat"),
      interval_(context.settings.heartbeat_ms),
      sealed_(monotonic_ms()),
      beaten_(monotonic_ms() - std::max<std::int64_t>(0, kAnnounceMs - interval_)) {}

void Heartbeat::beaten() { sealed_ = beaten_ = monotonic_ms(); }

bool Heartbeat::is_due(bool nothing_waits) const {
  if (interval_ == 0) return false;
  const auto now = monotonic_ms();
  return (nothing_waits && now - sealed_ >= interval_) || now - beaten_ >= std::max(interval_, kAnnounceMs);
}


// A camera's clock may jump. Into the past: the time in the file has not come yet, and waiting for it could take years.
bool Heartbeat::is_due_in_run(bool nothing_waits) {
  if (interval_ == 0) return false;
  const auto entries = read_state(file_);
  const auto last = entries ? time_of(*entries, "at") : 0;
  if (last == 0) {  // none, or damaged: one heartbeat later
    beaten_in_run();
    return false;
  }
  const auto since = now_ms() - last;
  return since < 0 || (nothing_waits && since >= interval_) || since >= std::max(interval_, kAnnounceMs);
}

void Heartbeat::beaten_in_run() const {
  replace_file(file_, as_bytes(format_key_value("format", "1") + format_key_value("at", std::to_string(now_ms()))), 0600);
}

}  // namespace shutterseal::uploader
