// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "src/base/file.h"
#include "src/registry/logins.h"
#include "test/unit/scratch.h"

namespace shutterseal::registry {

static Address at(const char* text) { return *Address::parse(text); }
static CameraId id(const char* text) { return *CameraId::parse(text); }

TEST_CASE("cameras are seen at their address, of IPv6 in their /64, and nowhere else") {
  const Scratch scratch;
  const Logins logins(scratch.path);
  logins.note_login(at("198.51.100.7"), id("1"));
  logins.note_login(at("198.51.100.7"), id("2"));
  logins.note_login(at("2001:db8:1:2:3::4"), id("3"));
  CHECK(logins.seen_at(at("198.51.100.7"), 0).size() == 2);
  CHECK(logins.seen_at(at("::ffff:198.51.100.7"), 0).size() == 2);
  CHECK(logins.seen_at(at("2001:db8:1:2::9"), 0) == std::vector{id("3")});
  CHECK(logins.seen_at(at("2001:db8:1:3::9"), 0).empty());
  CHECK(logins.seen_at(at("198.51.100.7"), now_ms() + 60'000).empty());
}

TEST_CASE("beyond the bound no new site is noted, and a known one still is") {
  const Scratch scratch;
  const Logins logins(scratch.path, 2);
  logins.note_login(at("198.51.100.1"), id("1"));
  logins.note_login(at("198.51.100.2"), id("1"));
  logins.note_login(at("198.51.100.3"), id("1"));
  logins.note_login(at("198.51.100.2"), id("2"));
  CHECK(logins.seen_at(at("198.51.100.3"), 0).empty());
  CHECK(logins.seen_at(at("198.51.100.2"), 0).size() == 2);
}

TEST_CASE("failures are counted by name, forgotten on success and with time, and bounded") {
  const Scratch scratch;
  const Logins logins(scratch.path);
  CHECK(logins.note_failure("cam-1") == 1);
  CHECK(logins.note_failure("cam-1") == 2);
  CHECK(logins.note_failure("nobody at all") == 1);
  logins.forget_failures("cam-1");
  CHECK(logins.note_failure("cam-1") == 1);
  for (int i = 0; i < 200; ++i) static_cast<void>(logins.note_failure("cam-1"));
  CHECK(logins.note_failure("cam-1") == 64);
  const auto dir = open_dir(scratch / "failures");
  const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  for (const auto& name : list_dir(dir.get())) REQUIRE(::utimensat(dir.get(), name.c_str(), old, 0) == 0);
  CHECK(logins.note_failure("cam-1") == 1);
}

TEST_CASE("a hostile number of names makes no more files than there are buckets") {
  const Scratch scratch;
  const Logins logins(scratch.path);
  for (int i = 0; i < 10'000; ++i) static_cast<void>(logins.note_failure("name" + std::to_string(i)));
  CHECK(list_dir(open_dir(scratch / "failures").get()).size() <= 4096);
}

}  // namespace shutterseal::registry
