// SPDX-License-Identifier: Apache-2.0
// state/: what this program wrote down for its next start. None of it is worth a camera's silence. What a worn card made of a file there (zeros, half of
// it, a folder in its place) is moved to NAME.damaged and said once, and then:
//
//   link, heartbeat, renewal, kept-age   are made again; what they said is late by one look
//   gaps                                 is made again: what it said is said a second time
//   unsealed                             is made again: what a full spool cost so far is counted anew
//   chain                                a new chain begins behind the last envelope known
//   receipt                              cannot be made again: see receipt.h, "lost"
//
// A chain or receipt of a newer format is refused: it is whole, and an older program would fork or forget what the newer one did.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/base/key_value.h"
#include "src/base/log.h"
#include "src/base/time.h"
#include "src/uploader/settings.h"

namespace shutterseal::uploader {

// Its entries; nothing when it is missing, or not one that this program wrote.
[[nodiscard]] std::optional<std::vector<KeyValue>> read_state(const std::string& file);
[[nodiscard]] TimeMs time_of(const std::vector<KeyValue>& entries, std::string_view key);  // 0: it says none
// The text of a file that has a reader of its own; nothing when it cannot be read as one at all.
[[nodiscard]] std::optional<std::string> read_state_text(const std::string& file);

using Say = std::function<void(const LogLine&)>;
// Before anything is read of them. Whoever calls it is the only run or watch.
void mend_state(const Context& context, const Say& say);
void mend_chain(const Context& context, const Say& say);  // for an alert, which may be beside them
// What stands where a folder or a lock of ours belongs, and is none.
void clear_places(const Context& context);

}  // namespace shutterseal::uploader
