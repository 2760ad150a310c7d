// SPDX-License-Identifier: Apache-2.0
// SSH's own encoding (RFC 4251 section 5): uint32 and string. What is taken is cut from the front; nothing when it is not there whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "src/base/bytes.h"

namespace shutterseal::doctor {

[[nodiscard]] std::optional<std::uint32_t> take_number(ByteView& rest);
[[nodiscard]] std::optional<std::string_view> take_text(ByteView& rest);  // a view into what was given

}  // namespace shutterseal::doctor
