// SPDX-License-Identifier: Apache-2.0
// A queue in which each camera has its turn: whoever sends one picture waits for one of a flood, not for all of it.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "src/base/error.h"
#include "src/base/ids.h"

namespace shutterseal::ingestd {

// In order for each camera, round robin between cameras. Not thread-safe.
template <class Item>
class FairQueue {
 public:
  void put(const CameraId& camera, Item item) {
    lines_[camera].push_back(std::move(item));
    ++size_;
  }
  [[nodiscard]] Item& front() { return next()->second.front(); }
  void pop() {
    const auto line = next();
    last_ = line->first;
    line->second.pop_front();
    --size_;
    if (line->second.empty()) lines_.erase(line);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  using Lines = std::map<CameraId, std::deque<Item>>;
  // The camera behind the one that was served last; an empty line does not stay.
  [[nodiscard]] typename Lines::iterator next() {
    SHUTTERSEAL_BUG_UNLESS(size_ != 0);
    const auto behind = last_ ? lines_.upper_bound(*last_) : lines_.begin();
    return behind == lines_.end() ? lines_.begin() : behind;
  }
  Lines lines_;
  std::optional<CameraId> last_;
  std::size_t size_ = 0;
};

}  // namespace shutterseal::ingestd
