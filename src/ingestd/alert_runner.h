// SPDX-License-Identifier: Apache-2.0
// The alert runner: a process of its own that reads alerts (alarm.h) from one socket and runs the configured command for each. It takes the command
// from ingestd.conf itself, so that whoever took over the daemon chooses no program here; it runs at most four at a time, and reads on when one ended.
#pragma once

#include <sys/types.h>

#include "src/base/log.h"
#include "src/base/program.h"
#include "src/ingestd/settings.h"

namespace shutterseal::ingestd {

inline constexpr int kAlertFd = 3;  // where the daemon, or systemd's Accept=yes, leaves the socket
// The answer to each alert, in order: its command has started, or could not be.
inline constexpr char kStarted = '1', kNotStarted = '0';

// By the daemon: this very program with --alert-runner. Error system.
[[nodiscard]] pid_t spawn_alert_runner(const Context& context, int socket);
// Until the socket ends and the last command with it, or told to stop. Error usage when there is no such socket.
void run_alerts(const Context& context, const Log& log, StopSignal& stop_signal);

}  // namespace shutterseal::ingestd
