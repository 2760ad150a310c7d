// SPDX-License-Identifier: Apache-2.0
#include "src/base/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal {

static bool said_anything = false;
static int lost = 0;  // the errno of the first word that could not be written

void put_out(std::string_view text) noexcept {
  said_anything = true;
  if (lost != 0) return;
  errno = 0;
  const auto printable = make_printable(text, Lines::kept);
  if (std::fwrite(printable.data(), 1, printable.size(), stdout) != printable.size()) lost = errno != 0 ? errno : EIO;
}

void stop_if_unheard() {
  if (lost != 0) throw Error(ErrorKind::io, "cannot write to standard output: " + errno_text(lost));
}

void deliver() {
  errno = 0;
  if (said_anything && lost == 0 && std::fflush(stdout) != 0) lost = errno != 0 ? errno : EIO;
  stop_if_unheard();
}

void close_output() {
  if (!said_anything) return;
  deliver();
  if (std::fclose(stdout) != 0) lost = errno;
  stop_if_unheard();
}

void guard_standard_descriptors() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one. Standard output for reading, so that whatever is said is an error.
    if (::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) != fd) throw_errno("cannot open", "/dev/null");
  }
}

}  // namespace shutterseal
