// SPDX-License-Identifier: Apache-2.0
#include "src/registry/revocation.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal::registry {

const RevocationReason* find_reason(std::string_view name) noexcept {
  const auto* found = std::find_if(kRevocationReasons.begin(), kRevocationReasons.end(), [name](const auto& one) { return one.name == name; });
  return found == kRevocationReasons.end() ? nullptr : found;
}

std::optional<TimeMs> theft_time(const Camera& camera) {
  if (camera.state != State::revoked) return std::nullopt;
  if (camera.stolen_at) return camera.stolen_at;
  const auto* reason = find_reason(camera.reason);
  if (!reason || !reason->is_theft) return std::nullopt;
  return camera.revoked_at.value_or(0);
}

static void check_time(const Camera& camera, const RevocationReason& reason, TimeMs stolen_at, TimeMs now) {
  const auto refuse = [](const std::string& why) { throw Error(ErrorKind::usage, "--stolen-at " + why); };
  if (!reason.is_theft) refuse("does not go with --reason " + std::string(reason.name) + ", which makes nothing void");
  if (stolen_at > now) refuse(rfc3339_ms(stolen_at) + " is in the future");
  // A year mistyped would make everything void for ever. Who means that says the time of the enrolment.
  if (stolen_at < camera.enrolled) refuse(rfc3339_ms(stolen_at) + " is before the camera was enrolled, at " + rfc3339_ms(camera.enrolled));
}

[[noreturn]] static void refuse_milder(const Camera& camera) {
  const auto since = theft_time(camera);
  throw Error(ErrorKind::data, "camera " + camera.id.text() + " is revoked as '" + escape_untrusted(camera.reason) + "'" +
                                   (since ? " at " + rfc3339_ms(*since) + ": only an earlier time can take its place" : ""));
}

static void revoke_again(Camera& camera, const RevocationReason& reason, std::optional<TimeMs> stolen_at, TimeMs now) {
  const auto since = theft_time(camera);
  const bool same = camera.reason == reason.name && (!stolen_at || stolen_at == since);
  if (same) return;
  const auto when = stolen_at.value_or(now);
  if (!reason.is_theft || (since && when >= *since)) refuse_milder(camera);
  camera.reason = reason.name;
  camera.stolen_at = when;
}

void revoke(Camera& camera, const RevocationReason& reason, std::optional<TimeMs> stolen_at, TimeMs now) {
  if (stolen_at) check_time(camera, reason, *stolen_at, now);
  if (camera.state == State::revoked) return revoke_again(camera, reason, stolen_at, now);
  // What was held back would be good with a theft of now, which is what a suspension was to prevent.
  if (camera.state == State::suspended && reason.is_theft && !stolen_at)
    throw Error(ErrorKind::usage, "camera " + camera.id.text() + " is suspended: --stolen-at is needed, since what waits would be good before it");
  camera.state = State::revoked;
  camera.reason = reason.name;
  camera.revoked_at = now;
  camera.stolen_at = reason.is_theft ? std::optional(stolen_at.value_or(now)) : std::nullopt;
}

}  // namespace shutterseal::registry
