// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/fence.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/base/text.h"

namespace shutterseal::uploader {

// errno of what a session will have to do there; 0 when all is well.
static int trouble_with(const std::string& path) {
  const Fd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return errno;
  return ::faccessat(dir.get(), ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

std::string way_through_the_fence(const std::string& path, int error_number, const std::string& unit) {
  const auto shown = escape_untrusted(path, kLongestSubject);
  if (error_number == EACCES || error_number == EPERM)
    return "let this service run as the camera software's user (systemctl edit " + unit + ": [Service] User= Group=), or open the directory to it";
  return "if it is there, this service's fence hides it: systemctl edit " + unit + ", and write [Service] BindPaths=" + shown + " (on a disk of its own also [Unit] RequiresMountsFor=" + shown + ")";
}

std::optional<std::string> what_keeps_out(const Context& context, const std::string& unit) {
  if (!std::getenv("INVOCATION_ID")) return std::nullopt;  // systemd.exec(5)
  const auto& path = context.settings.capture_dir;
  const auto error_number = trouble_with(path);
  if (error_number == 0) return std::nullopt;
  return "cannot use the capture directory '" + escape_untrusted(path, kLongestSubject) + "': " + errno_text(error_number) + "; " +
         way_through_the_fence(path, error_number, unit);
}

}  // namespace shutterseal::uploader
