// SPDX-License-Identifier: Apache-2.0
// The system's own tools (useradd, sshd -T, …), by absolute path, with an environment of ours: the administrator's may change what they do.
#pragma once

#include <string>
#include <vector>

namespace shutterseal::custody {

// Error unavailable when it cannot be run or fails.
void run_tool(const std::vector<std::string>& words);

struct ToolAnswer {
  int status = 127;    // 127: it could not be started; 124: it gave no answer in half a minute, and was ended
  std::string output;  // standard output and error, the first MiB
};
[[nodiscard]] ToolAnswer ask_tool(const std::vector<std::string>& words);

}  // namespace shutterseal::custody
