// SPDX-License-Identifier: Apache-2.0
// Why and since when a camera is not to be believed: the words of camera.conf, and what may follow what. Pure: no files, no clock.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "src/registry/registry.h"

namespace shutterseal::registry {

// The reason codes are RFC 5280's, section 5.3.1. With a theft somebody else may sign as the camera from some time on.
struct RevocationReason {
  std::string_view name;
  bool is_theft;
  int crl_code;
};
inline constexpr std::array<RevocationReason, 4> kRevocationReasons{
    {{"stolen", true, 1}, {"lost", true, 1}, {"key-compromise", true, 1}, {"retired", false, 5}}};
[[nodiscard]] const RevocationReason* find_reason(std::string_view name) noexcept;  // null: none of these

// Since when what arrives from this camera is void unless it can be shown to be older; nothing: it was not stolen. A hand-written camera.conf
// with a theft's reason and no time counts from `revoked-at`, without that from the beginning (fail closed).
[[nodiscard]] std::optional<TimeMs> theft_time(const Camera& camera);

// Makes `camera` revoked, or its revocation graver: a theft after a retirement, an earlier time of a theft. Never milder: a later time would make
// good what a thief may have signed. Said again with the same words it changes nothing, so that a command that was cut goes on. Without
// `stolen_at` a theft is of now. Error usage: a time in the future, before the enrolment, or with a reason that is no theft; none for a camera that is
// suspended. Error data: milder.
void revoke(Camera& camera, const RevocationReason& reason, std::optional<TimeMs> stolen_at, TimeMs now);

}  // namespace shutterseal::registry
