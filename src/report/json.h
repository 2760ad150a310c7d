// SPDX-License-Identifier: Apache-2.0
// JSON for scripts. nlohmann-json is named in this folder alone; report::Json is what programs use.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace shutterseal::report {

using Json = nlohmann::ordered_json;
// One line (or indented for people), ASCII alone: what is beyond it becomes \uNNNN, so that nothing in it reaches a terminal as a command. Octets that are no
// UTF-8 become U+FFFD instead of an exception.
[[nodiscard]] std::string to_text(const Json& value, bool pretty = false);

}  // namespace shutterseal::report
