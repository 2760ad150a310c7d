// SPDX-License-Identifier: Apache-2.0
// What keeps run and watch out of the directories they work in, and what to do about it: a service's fence (etc/systemd), or another user's hands.
#pragma once

#include <optional>
#include <string>

#include "src/uploader/settings.h"

namespace shutterseal::uploader {

// Of a service whose capture directory cannot be used: what is wrong, with the lines of a drop-in that mend it. Its session goes on, sends what it has and
// states the trouble. Outside of a service nothing: the directory may come back.
[[nodiscard]] std::optional<std::string> what_keeps_out(const Context& context, const std::string& unit);

// What an administrator can do, by the path and by what a look at it gave (errno). Exposed for tests.
[[nodiscard]] std::string way_through_the_fence(const std::string& path, int error_number, const std::string& unit);

}  // namespace shutterseal::uploader
