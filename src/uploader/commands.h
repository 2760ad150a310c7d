// SPDX-License-Identifier: Apache-2.0
// The subcommands of shutterseal-upload. Each returns an exit code or throws Error.
#pragma once

#include "src/base/ids.h"
#include "src/uploader/settings.h"

namespace shutterseal::uploader {

[[nodiscard]] int enrol_command(const config::Arguments& arguments);
[[nodiscard]] int join_command(const config::Arguments& arguments);
// This camera's keys and request; those that exist are never overwritten. The caller holds the chain lock and has looked for them.
void make_keys(const Context& context, const CameraId& camera, const Secret& passphrase);
[[nodiscard]] int accept_command(const config::Arguments& arguments);
[[nodiscard]] int run_command(const config::Arguments& arguments);
[[nodiscard]] int watch_command(const config::Arguments& arguments);
[[nodiscard]] int status_command(const config::Arguments& arguments);
[[nodiscard]] int alert_command(const config::Arguments& arguments);

}  // namespace shutterseal::uploader
