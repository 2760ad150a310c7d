// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/registry/registry.h"
#include "test/unit/scratch.h"

namespace shutterseal::registry {

static Camera camera(const char* id) {
  return {.id = *CameraId::parse(id), .uid = 1234, .enrolled = 1'800'000'000'123, .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = {}, .networks = {*Network::parse("10.0.0.0/8"), *Network::parse("2001:db8::/32")}, .services = {}};
}

TEST_CASE("an enrolled camera is found as it was, and its id is taken") {
  const Scratch scratch;
  const Registry registry(scratch.path);
  registry.enrol(camera("101"), "restrict ecdsa-sha2-nistp256 AAAA\n", "aa", "PEM");
  const auto found = registry.find(*CameraId::parse("101"));
  REQUIRE(found);
  CHECK(found->uid == 1234);
  CHECK(found->networks.size() == 2);
  CHECK(found->state == State::active);
  CHECK(registry.signing_certificates(found->id).size() == 1);
  CHECK_FALSE(registry.find(*CameraId::parse("102")));
  CHECK(registry.list().size() == 1);
  CHECK_THROWS_AS(registry.enrol(camera("101"), "", "bb", ""), Error);
}

TEST_CASE("a change of state is seen by its stamp") {
  const Scratch scratch;
  const Registry registry(scratch.path);
  registry.enrol(camera("101"), "", "aa", "");
  const auto before = registry.stamp(*CameraId::parse("101"));
  const auto changed = registry.update(*CameraId::parse("101"), [](Camera& one) {
    one.state = State::suspended;
    one.reason = "lens broken";
  });
  CHECK(registry.stamp(changed.id) != before);
  CHECK(registry.find(changed.id)->reason == "lens broken");
}

TEST_CASE("a malformed camera.conf fails closed and names its line") {
  const Scratch scratch;
  const Registry registry(scratch.path);
  registry.enrol(camera("101"), "", "aa", "");
  for (const auto* text : {"", "format = 2\n", "format = 1\nstate = happy\n", "format = 1\nstate = active\nuid = 1\nfuture-restriction = 1\n",
                           "format = 1\nstate = active\n", "format = 1\nstate = active\nstate = active\nuid = 1\n"}) {
    replace_file(scratch / "cam-101/camera.conf", as_bytes(text), 0640);
    try {
      static_cast<void>(registry.find(*CameraId::parse("101")));
      FAIL("accepted ", text);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(std::string(error.what()).find("camera.conf:") != std::string::npos);
    }
  }
}

}  // namespace shutterseal::registry
