// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/link_state.h"

#include "src/base/commit.h"
#include "src/uploader/state.h"

namespace shutterseal::uploader {

static constexpr TimeMs kSaidEach = 24LL * 3600 * 1000;

LinkState load_link_state(const std::string& file) {
  LinkState state;
  const auto entries = read_state(file).value_or(std::vector<KeyValue>{});
  for (const auto& entry : entries)
    if (entry.key == "error") state.error = entry.value;
  state.error_at = time_of(entries, "error-at");
  state.contact_at = time_of(entries, "contact-at");
  state.down_since = time_of(entries, "down-since");
  state.said_at = time_of(entries, "said-at");
  return state;
}

void save_link_state(const std::string& file, const LinkState& state) {
  auto text = format_key_value("format", "1");
  if (!state.error.empty()) text += format_key_value("error", state.error) + format_key_value("error-at", std::to_string(state.error_at));
  text += format_key_value("contact-at", std::to_string(state.contact_at));
  if (state.down_since != 0) text += format_key_value("down-since", std::to_string(state.down_since));
  if (state.said_at != 0) text += format_key_value("said-at", std::to_string(state.said_at));
  replace_file(file, as_bytes(text), 0600);
}

bool note_contact(LinkState& state, const std::string& error, TimeMs now) {
  const bool is_changed = error != state.error || state.contact_at == 0;
  if (error.empty()) {
    state.contact_at = now;
    state.down_since = state.said_at = 0;
  } else if (state.down_since == 0) {
    state.down_since = now;
  }
  if (!is_changed) return false;
  state.error = error;
  state.error_at = now;
  return true;
}

bool is_to_be_said(const LinkState& state, TimeMs now) {
  if (state.down_since == 0) return false;
  const auto since = state.said_at != 0 ? state.said_at : state.down_since;
  return now - since >= kSaidEach || since > now + kSaidEach;  // a clock that was set back must not silence it for ever
}

}  // namespace shutterseal::uploader
