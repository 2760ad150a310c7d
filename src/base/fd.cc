// SPDX-License-Identifier: Apache-2.0
#include "src/base/fd.h"

#include <unistd.h>

namespace shutterseal {

void Fd::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

}  // namespace shutterseal
