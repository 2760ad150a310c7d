// SPDX-License-Identifier: Apache-2.0
#include "src/custody/progress.h"

#include <unistd.h>

#include <cstdio>

namespace shutterseal::custody {

static constexpr std::int64_t kInterval = 1000;

Progress::Progress(std::string what) : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1), next_(monotonic_ms() + kInterval) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::show(std::uint64_t done) {
  if (!terminal_ || monotonic_ms() < next_) return;
  next_ = monotonic_ms() + kInterval;
  shown_ = true;
  std::fprintf(stderr, "\r%llu %s", static_cast<unsigned long long>(done), what_.c_str());
}

}  // namespace shutterseal::custody
