// SPDX-License-Identifier: Apache-2.0
#include "src/doctor/octets.h"

namespace shutterseal::doctor {

std::optional<std::uint32_t> take_number(ByteView& rest) {
  if (rest.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | rest[i];
  rest = rest.subspan(4);
  return value;
}

std::optional<std::string_view> take_text(ByteView& rest) {
  const auto size = take_number(rest);
  if (!size || *size > rest.size()) return std::nullopt;
  const auto text = as_text(rest.first(*size));
  rest = rest.subspan(*size);
  return text;
}

}  // namespace shutterseal::doctor
