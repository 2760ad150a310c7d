// SPDX-License-Identifier: Apache-2.0
// state/link: what `status` says about the last contact, and since when there was none. A line that is down is no news each minute, but it is once a day.
#pragma once

#include <string>

#include "src/base/time.h"

namespace shutterseal::uploader {

struct LinkState {
  std::string error;  // empty: the last contact was good
  TimeMs error_at = 0, contact_at = 0;
  TimeMs down_since = 0, said_at = 0;  // 0: the line is not down; that it is was not said
};
[[nodiscard]] LinkState load_link_state(const std::string& file);
void save_link_state(const std::string& file, const LinkState& state);
// A contact, or none and why. True: the file should change; an SD card wears out, so it does not with every contact.
[[nodiscard]] bool note_contact(LinkState& state, const std::string& error, TimeMs now);
// Down for a day, and not said for a day: to be said now. By the camera's clock, which decides no more than when this line is written.
[[nodiscard]] bool is_to_be_said(const LinkState& state, TimeMs now);

}  // namespace shutterseal::uploader
