// SPDX-License-Identifier: Apache-2.0
// Which cameras wait because something of theirs alone does not work on this server: the daemon writes it, `camera list` and `server check` show it.
// In the run directory: it is true of a daemon that runs.
#pragma once

#include <map>
#include <string>

#include "src/base/ids.h"

namespace shutterseal::server {

using Waiting = std::map<CameraId, std::string>;  // each with the reason, safe to print
[[nodiscard]] Waiting read_waiting(const std::string& file);  // missing, or not to be read: none
void write_waiting(const std::string& file, const Waiting& waiting);

}  // namespace shutterseal::server
