// SPDX-License-Identifier: Apache-2.0
// Puts the layers that a target does not fuzz around the one that it does, with the camera's key and for the custodian.
#pragma once

#include "src/envelope/envelope.h"
#include "test/fuzz/lib/world.h"

namespace shutterseal::fuzz {

[[nodiscard]] const envelope::Passage& outer_passage();   // of camera 102, and of the seeds
[[nodiscard]] Bytes around_middle(ByteView middle);       // the whole envelope
[[nodiscard]] Bytes around_inner(ByteView inner);         // likewise; encrypted first

// Judged, and opened when the judge believed it; nothing when it did not.
[[nodiscard]] std::optional<envelope::Opened> judged_and_opened(ByteView message);

}  // namespace shutterseal::fuzz
