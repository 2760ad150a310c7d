// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/pam/decision.h"

namespace shutterseal::pam {

static constexpr TimeMs kNow = 1'800'000'000'000;

static registry::Camera enrolled() {
  return {.id = *CameraId::parse("101"), .uid = 1234, .enrolled = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = kNow + 1,
          .networks = {*registry::Network::parse("198.51.100.0/24"), *registry::Network::parse("2001:db8::/32")}, .services = {"shutterseal-sshd"}};
}
static Login login(const char* address = "198.51.100.7", const char* service = "shutterseal-sshd") {
  return {service, registry::Address::parse(address), kNow};
}

TEST_CASE("an active camera from its network through its service is let in") {
  CHECK(judge(enrolled(), login()) == Access::allowed);
  CHECK(judge(enrolled(), login("2001:db8::7")) == Access::allowed);
  CHECK(judge(enrolled(), login("::ffff:198.51.100.7")) == Access::allowed);
}

TEST_CASE("a camera without restrictions may come from anywhere through anything") {
  auto camera = enrolled();
  camera.networks.clear();
  camera.services.clear();
  camera.expires.reset();
  CHECK(judge(camera, login("203.0.113.1", "login")) == Access::allowed);
  CHECK(judge(camera, login("", "login")) == Access::allowed);
}

TEST_CASE("each reason to refuse") {
  CHECK(judge({}, login()) == Access::not_enrolled);
  CHECK(judge(enrolled(), login("203.0.113.1")) == Access::wrong_network);
  CHECK(judge(enrolled(), login("camera.example.org")) == Access::wrong_network);
  CHECK(judge(enrolled(), login("198.51.100.7", "vsftpd")) == Access::wrong_service);
  auto camera = enrolled();
  camera.expires = kNow - camera.grace;
  CHECK(judge(camera, login()) == Access::expired);
  camera.state = registry::State::suspended;
  CHECK(judge(camera, login()) == Access::suspended);
  camera.state = registry::State::revoked;
  CHECK(judge(camera, login("203.0.113.1", "vsftpd")) == Access::revoked);
}

TEST_CASE("an expired camera has its grace, and not a millisecond more") {
  auto camera = enrolled();
  camera.expires = kNow;
  CHECK(judge(camera, login()) == Access::allowed);
  camera.expires = kNow - camera.grace + 1;
  CHECK(judge(camera, login()) == Access::allowed);
  camera.grace = 0;
  camera.expires = kNow + 1;
  CHECK(judge(camera, login()) == Access::allowed);
  camera.expires = kNow;
  CHECK(judge(camera, login()) == Access::expired);
}

TEST_CASE("who enrols by invitation comes by SSH alone") {
  for (const char* service : {"shutterseal-sshd", "sshd"}) CHECK(judge_enrolment(login("203.0.113.1", service)) == Access::allowed);
  for (const char* service : {"shutterseal-ftp", "proftpd", "login", "su", ""}) CHECK(judge_enrolment(login("203.0.113.1", service)) == Access::wrong_service);
}

TEST_CASE("options: what is not known makes the module deny cameras") {
  const char* good[] = {"root=/srv/x", "others=ignore", "debug"};
  const auto options = parse_options(3, good);
  CHECK(options.valid);
  CHECK(options.root == "/srv/x");
  CHECK(options.ignore_others);
  CHECK(options.debug);
  CHECK(parse_options(0, nullptr).valid);
  for (const char* bad : {"root=", "root=relative", "others=deny", "others", "Debug", "networks=10.0.0.0/8", ""}) CHECK_FALSE(parse_options(1, &bad).valid);
}

}  // namespace shutterseal::pam
