// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/base/error.h"
#include "src/server/heard.h"
#include "test/unit/scratch.h"

namespace shutterseal::server {

TEST_CASE("when a camera was heard goes to its file and back") {
  const Scratch scratch;
  const HeardFiles files(scratch / "heard");
  const auto id = *CameraId::parse("101");
  CHECK_FALSE(files.find(id));
  files.make();
  const Heard heard{1'800'000'000'123, 900'000, 1'799'999'999'000, 1'799'999'999'000};
  files.write(id, heard);
  CHECK(files.find(id) == heard);
  CHECK(files.touch(id, 1'800'000'010'456));
  CHECK_FALSE(files.touch(*CameraId::parse("102"), 1));
  CHECK(files.find(id)->last == 1'800'000'010'456);
  CHECK(files.list() == std::vector<CameraId>{id});
  CHECK(parse_heard(format_heard(heard), "f")->interval_ms == 900'000);
  const Heard claimed{0, 900'000, std::nullopt, std::nullopt, Claim{86'400'000, 1'800'000'000'000, 900'000, true}};
  CHECK(parse_heard(format_heard(claimed), "f") == claimed);
  CHECK_FALSE(parse_heard("format = 1\ninterval = 900000\nstated = 86400000\n", "f")->claim);
  CHECK_FALSE(parse_heard("rubbish", "f"));
  CHECK_FALSE(parse_heard("format = 1\ninterval = x\n", "f"));
  CHECK_THROWS_AS(static_cast<void>(parse_heard("format = 2\n", "f")), Error);
}

TEST_CASE("a heartbeat states an interval between ten seconds and a week, or none") {
  CHECK(heartbeat_interval_ms("heartbeat 900") == 900'000);
  CHECK(heartbeat_interval_ms("heartbeat 604800") == 604'800'000);
  for (const auto* other : {"heartbeat", "heartbeat ", "heartbeat 9", "heartbeat 604801", "heartbeat -900", "heartbeat 900 x", "heartbeats 900", "tamper"})
    CHECK_FALSE(heartbeat_interval_ms(other));
  CHECK(is_heartbeat("heartbeat 9"));
  CHECK_FALSE(is_heartbeat("heartbeats"));
}

}  // namespace shutterseal::server
