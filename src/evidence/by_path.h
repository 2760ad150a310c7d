// SPDX-License-Identifier: Apache-2.0
// What the place of a file says, wherever a copy of a store lies: .../cam-ID/YYYY-MM-DD/HH/RECEIVEDMS-CHAIN8-SEQUENCE-DIGEST….p7m.
#pragma once

#include <optional>
#include <string>

#include "src/base/ids.h"
#include "src/base/time.h"

namespace shutterseal::evidence {

// When the server had it, if the path is one that the store gives to this very envelope; else nothing. It is the server's word as long as nobody
// renamed the copy: no camera has a say in it.
[[nodiscard]] std::optional<TimeMs> received_by_path(const std::string& path, const CameraId& camera, const ChainId& chain, std::uint64_t sequence,
                                                     const Digest& digest);

}  // namespace shutterseal::evidence
