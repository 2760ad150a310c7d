// SPDX-License-Identifier: Apache-2.0
// "1234 envelopes indexed" on a terminal, for work that takes longer than a second.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/time.h"

namespace shutterseal::custody {

class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(std::uint64_t done);

 private:
  std::string what_;
  bool terminal_, shown_ = false;
  std::int64_t next_;
};

}  // namespace shutterseal::custody
