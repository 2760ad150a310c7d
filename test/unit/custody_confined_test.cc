// SPDX-License-Identifier: Apache-2.0
// A camera's request, read in the sandbox.
#include <doctest/doctest.h>

#include "src/custody/confined.h"

namespace shutterseal::custody {

TEST_CASE("the child in the sandbox reads what the reader reads, and hands on its reason") {
  const auto id = *CameraId::parse("101");
  const auto key = envelope::PrivateKey::generate(), ssh = envelope::PrivateKey::generate();
  const std::string challenge(envelope::kLongestChallenge, 'c');
  const auto pem = envelope::make_request_pem(id, key, ssh.ssh_public_key("cam-101"), challenge);
  const auto here = envelope::read_request_pem(pem);
  const auto there = read_request_confined(pem);
  REQUIRE(there.request);
  CHECK(there.request->camera == id);
  CHECK(there.request->signing_key == key.public_point());
  CHECK(there.request->ssh_public_key == here.request->ssh_public_key);
  CHECK(there.request->challenge == challenge);
  auto forged = pem;
  forged[200] = forged[200] == 'A' ? 'B' : 'A';
  for (const auto& bad : {forged, Bytes(), Bytes(envelope::kLargestRequest, 'x'), envelope::random_octets(3000)}) {
    const auto reading = read_request_confined(bad);
    CHECK_FALSE(reading.request);
    CHECK(reading.reason == envelope::read_request_pem(bad).reason);
  }
}

}  // namespace shutterseal::custody
