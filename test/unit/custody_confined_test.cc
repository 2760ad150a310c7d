// SPDX-License-Identifier: Apache-2.0
// A camera's request, read in the sandbox.
#include <doctest/doctest.h>
#include <pthread.h>

#include <csignal>

#include "src/base/error.h"
#include "src/custody/confined.h"

namespace shutterseal::custody {

TEST_CASE("the child in the sandbox reads what the reader reads, and hands on its reason") {
  const auto id = *CameraId::parse("101");
  const auto key = envelope::PrivateKey::generate(), ssh = envelope::PrivateKey::generate();
  const std::string challenge(envelope::kLongestChallenge, 'c');
  const auto pem = envelope::make_request_pem(id, key, ssh.ssh_public_key("cam-101"), challenge);
  const auto here = envelope::read_request_pem(pem);
  const auto there = read_request_confined(pem, "x");
  REQUIRE(there.request);
  CHECK(there.request->camera == id);
  CHECK(there.request->signing_key == key.public_point());
  CHECK(there.request->ssh_public_key == here.request->ssh_public_key);
  CHECK(there.request->challenge == challenge);
  auto forged = pem;
  forged[200] = forged[200] == 'A' ? 'B' : 'A';
  for (const auto& bad : {forged, Bytes(), Bytes(envelope::kLargestRequest, 'x'), envelope::random_octets(3000)}) {
    const auto reading = read_request_confined(bad, "x");
    CHECK_FALSE(reading.request);
    CHECK(reading.reason == envelope::read_request_pem(bad).reason);
  }
}

static bool killed_at_once = false;

TEST_CASE("a reader that dies condemns nothing") {
  const auto key = envelope::PrivateKey::generate();
  const auto pem = envelope::make_request_pem(*CameraId::parse("101"), key, key.ssh_public_key("cam-101"), "");
  REQUIRE(::pthread_atfork(nullptr, nullptr, [] {
            if (killed_at_once) ::raise(SIGKILL);
          }) == 0);
  killed_at_once = true;
  try {
    static_cast<void>(read_request_confined(pem, "good.pem"));
    FAIL("an answer came from a dead reader");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::temporary);
    CHECK(std::string(error.what()) == "the reader of 'good.pem' gave no answer");
  }
  killed_at_once = false;
  CHECK(read_request_confined(pem, "good.pem").request);
}

}  // namespace shutterseal::custody
