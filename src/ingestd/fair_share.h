// SPDX-License-Identifier: Apache-2.0
// How many drops of one camera may be on their way, and when. A lone picture waits for all that is on its way when it comes, at each sync that its commit
// makes: while cameras send a few, one that has many waiting has one there, and rests behind it for as long as that took. A backlog in large parcels
// loses little by that, one of single pictures half its speed. Cameras that all have many share as they come.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

#include "src/base/ids.h"

namespace shutterseal::ingestd {

// Times are monotonic milliseconds. Not thread-safe.
class FairShare {
 public:
  static constexpr std::size_t kFew = 4;             // names in the drop directory, at most
  static constexpr std::int64_t kSharedMs = 10'000;  // so long after the last of those

  static constexpr std::int64_t kLongestRestMs = 1'000;  // a disk that stood still is nobody's doing

  explicit FairShare(std::uint64_t alone) : alone_(alone) {}
  // Of a camera that has few. `beside_others`: another's are on their way.
  void few_came(bool beside_others, std::int64_t now) {
    if (beside_others || shortest_rest(kLongestRestMs + 1, now) <= kLongestRestMs) shared_until_ = now + kSharedMs;
  }
  // The last on its way, of a camera that had many waiting when that came, went: `took` ms after the first was let in.
  void went(const CameraId& camera, std::int64_t took, std::int64_t now) {
    std::erase_if(rests_, [now](const auto& rest) { return rest.second <= now; });
    if (is_shared(now)) rests_[camera] = now + std::min(took, kLongestRestMs);
  }
  [[nodiscard]] std::uint64_t files(const CameraId& camera, std::int64_t now) const {
    if (!is_shared(now)) return alone_;
    const auto rest = rests_.find(camera);
    return rest != rests_.end() && now < rest->second ? 0 : 1;
  }
  // Until some camera's rest is over; `longest` if none rests.
  [[nodiscard]] std::int64_t shortest_rest(std::int64_t longest, std::int64_t now) const {
    for (const auto& [camera, end] : rests_)
      if (end > now) longest = std::min(longest, end - now);
    return longest;
  }

 private:
  [[nodiscard]] bool is_shared(std::int64_t now) const { return now < shared_until_; }
  std::uint64_t alone_;
  std::int64_t shared_until_ = 0;
  std::map<CameraId, std::int64_t> rests_;  // until when
};

}  // namespace shutterseal::ingestd
