// SPDX-License-Identifier: Apache-2.0
// What may follow what when a camera is revoked.
#include <doctest/doctest.h>

#include "src/base/error.h"
#include "src/registry/revocation.h"

namespace shutterseal::registry {

static constexpr TimeMs kEnrolled = 1'000'000, kNow = 9'000'000;

static Camera camera() {
  return {.id = *CameraId::parse("101"), .uid = 1, .enrolled = kEnrolled, .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = {}, .networks = {}, .services = {}};
}
static Camera after(Camera one, std::string_view reason, std::optional<TimeMs> stolen_at, TimeMs now = kNow) {
  revoke(one, *find_reason(reason), stolen_at, now);
  return one;
}
static std::optional<ErrorKind> refusal(Camera one, std::string_view reason, std::optional<TimeMs> stolen_at) {
  const auto before = one;
  try {
    revoke(one, *find_reason(reason), stolen_at, kNow);
    return std::nullopt;
  } catch (const Error& error) {
    CHECK(one.reason == before.reason);
    CHECK(one.stolen_at == before.stolen_at);
    return error.kind();
  }
}

TEST_CASE("a theft has a time, a retirement has none") {
  CHECK(theft_time(camera()) == std::nullopt);
  const auto stolen = after(camera(), "stolen", kNow - 5);
  CHECK(stolen.state == State::revoked);
  CHECK(stolen.revoked_at == kNow);
  CHECK(theft_time(stolen) == kNow - 5);
  CHECK(theft_time(after(camera(), "lost", {})) == kNow);
  CHECK(theft_time(after(camera(), "retired", {})) == std::nullopt);
  CHECK(find_reason("sold") == nullptr);
  CHECK(find_reason("") == nullptr);
}

TEST_CASE("a time that cannot be meant is refused") {
  CHECK(refusal(camera(), "stolen", kNow + 1) == ErrorKind::usage);
  CHECK(refusal(camera(), "stolen", kEnrolled - 1) == ErrorKind::usage);
  CHECK(refusal(camera(), "stolen", kEnrolled) == std::nullopt);
  CHECK(refusal(camera(), "retired", kNow - 1) == ErrorKind::usage);
}

TEST_CASE("what a suspension held back is not made good by the way") {
  auto suspended = camera();
  suspended.state = State::suspended;
  CHECK(refusal(suspended, "stolen", std::nullopt) == ErrorKind::usage);
  CHECK(refusal(suspended, "stolen", kNow - 1) == std::nullopt);
  CHECK(refusal(suspended, "retired", std::nullopt) == std::nullopt);
}

TEST_CASE("a revocation becomes graver, never milder") {
  const auto stolen = after(camera(), "stolen", 5'000'000);
  CHECK(refusal(stolen, "stolen", 5'000'001) == ErrorKind::data);
  CHECK(refusal(stolen, "lost", std::nullopt) == ErrorKind::data);
  CHECK(refusal(stolen, "retired", std::nullopt) == ErrorKind::data);
  CHECK(theft_time(after(stolen, "stolen", {}, kNow + 7)) == 5'000'000);
  CHECK(theft_time(after(stolen, "key-compromise", 4'000'000)) == 4'000'000);
  CHECK(after(stolen, "key-compromise", 4'000'000).revoked_at == kNow);
  const auto retired = after(camera(), "retired", {});
  CHECK(theft_time(after(retired, "retired", {})) == std::nullopt);
  CHECK(theft_time(after(retired, "stolen", 4'000'000)) == 4'000'000);
  auto removed = camera();
  removed.state = State::removed;
  CHECK(after(removed, "stolen", {}).state == State::revoked);
}

TEST_CASE("a hand-written camera.conf without a time fails closed") {
  auto one = camera();
  one.state = State::revoked;
  CHECK(theft_time(one) == std::nullopt);
  one.reason = "stolen";
  CHECK(theft_time(one) == 0);
  one.revoked_at = 7;
  CHECK(theft_time(one) == 7);
  one.state = State::suspended;
  one.stolen_at = 7;
  CHECK(theft_time(one) == std::nullopt);
}

}  // namespace shutterseal::registry
