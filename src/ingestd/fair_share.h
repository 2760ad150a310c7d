// SPDX-License-Identifier: Apache-2.0
// How many drops of one camera may be on their way. A lone picture waits for all that is on its way when it comes: while several cameras send, a flood
// of one has little there, and rubbish, whose refusal costs more than a picture, has less.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>

#include "src/base/ids.h"

namespace shutterseal::ingestd {

// Times are monotonic milliseconds. Not thread-safe.
class FairShare {
 public:
  static constexpr std::uint64_t kOfOne = 4, kOfRubbish = 2;  // files, while several send
  static constexpr std::int64_t kSharedMs = 10'000;           // so long after two cameras' drops came one behind the other

  explicit FairShare(std::uint64_t alone) : alone_(alone) {}
  void passed(const CameraId& camera, std::int64_t now) {  // a drop of it, in the order in which they are committed
    if (last_ && *last_ != camera) shared_until_ = now + kSharedMs;
    last_ = camera;
  }
  void judged(const CameraId& camera, bool is_refused) {  // its newest drop
    if (is_refused)
      refused_.insert(camera);
    else
      refused_.erase(camera);
  }
  [[nodiscard]] std::uint64_t files(const CameraId& camera, std::int64_t now) const {
    if (now >= shared_until_) return alone_;
    return std::min(alone_, refused_.contains(camera) ? kOfRubbish : kOfOne);
  }

 private:
  std::uint64_t alone_;
  std::set<CameraId> refused_;
  std::optional<CameraId> last_;
  std::int64_t shared_until_ = 0;
};

}  // namespace shutterseal::ingestd
