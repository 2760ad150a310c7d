// SPDX-License-Identifier: Apache-2.0
// How many drops of one camera may be on their way. A lone picture waits for all that is on its way when it comes: while cameras send a few, one that
// has many waiting has one there. A backlog loses little by that, its parcels are large. Cameras that all have many share as they come.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shutterseal::ingestd {

// Times are monotonic milliseconds. Not thread-safe.
class FairShare {
 public:
  static constexpr std::size_t kFew = 4;             // names in the drop directory, at most
  static constexpr std::int64_t kSharedMs = 10'000;  // so long after the last of those

  explicit FairShare(std::uint64_t alone) : alone_(alone) {}
  void few_came(std::int64_t now) { shared_until_ = now + kSharedMs; }  // of a camera that has few, while another's are on their way
  [[nodiscard]] std::uint64_t files(std::int64_t now) const { return now < shared_until_ ? 1 : alone_; }

 private:
  std::uint64_t alone_;
  std::int64_t shared_until_ = 0;
};

}  // namespace shutterseal::ingestd
