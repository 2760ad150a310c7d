// SPDX-License-Identifier: Apache-2.0
// Passwords of cameras that log in by FTPS: yescrypt through crypt(3), the only place that calls it.
#pragma once

#include <string>
#include <string_view>

#include "src/base/secret.h"

namespace shutterseal::registry {

inline constexpr std::size_t kLongestPassword = 255;

// 1 to 255 octets of UTF-8 without control characters. What a peer sends may be anything.
[[nodiscard]] bool is_acceptable_password(std::string_view password) noexcept;
// "$y$j9T$…" with a fresh salt. Error internal when crypt(3) has no yescrypt.
[[nodiscard]] std::string hash_password(const Secret& password);
// Compares in constant time. An empty or unknown hash (no such camera, no password set) costs one hash of the same parameters and is
// never equal, so that an answer's time does not tell which cameras exist.
[[nodiscard]] bool password_matches(const Secret& password, const std::string& hash);
// 160 random bits as 32 letters and digits, for a camera that nobody types a password into.
[[nodiscard]] Secret random_password();

}  // namespace shutterseal::registry
