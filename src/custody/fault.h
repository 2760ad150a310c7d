// SPDX-License-Identifier: Apache-2.0
// What `server check` found wrong, and what mends it.
#pragma once

#include <string>
#include <vector>

#include "src/base/paths.h"

namespace shutterseal::custody {

struct Fault {
  std::string subject, found, mend;
};
using Faults = std::vector<Fault>;

// Whether the daemon could be started now: what it reads first, read by itself, as its own account; and the index. In a private tree as whoever calls.
void check_daemon(const std::string& root, const ServerPaths& paths, bool private_tree, Faults& faults);
// What should run here, and be started at boot: by systemd's word; without systemd by the daemon's lock and the ports that are listened at, which is said.
// And by fail2ban's own word its jails.
void check_running(const ServerPaths& paths, Faults& faults);

}  // namespace shutterseal::custody
