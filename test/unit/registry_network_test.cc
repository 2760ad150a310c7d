// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/registry/network.h"

namespace shutterseal::registry {

static bool holds(const char* network, const char* address) {
  const auto parsed = Network::parse(network);
  REQUIRE(parsed);
  const auto from = Address::parse(address);
  REQUIRE(from);
  return parsed->contains(*from);
}

TEST_CASE("a network holds its addresses and no other") {
  CHECK(holds("198.51.100.0/24", "198.51.100.255"));
  CHECK_FALSE(holds("198.51.100.0/24", "198.51.101.0"));
  CHECK(holds("198.51.100.8/29", "198.51.100.15"));
  CHECK_FALSE(holds("198.51.100.8/29", "198.51.100.16"));
  CHECK(holds("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(holds("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(holds("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(holds("192.0.2.1", "192.0.2.2"));
  CHECK(holds("0.0.0.0/0", "203.0.113.9"));
  CHECK(holds("::/0", "2001:db8::1"));
}

TEST_CASE("an IPv4 address is the same in the form of a dual-stack socket") {
  CHECK(holds("198.51.100.0/24", "::ffff:198.51.100.7"));
  CHECK(Address::parse("::ffff:198.51.100.7")->text() == "198.51.100.7");
  CHECK_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
}

TEST_CASE("what is no network is none: names, host bits, prefixes out of range, trailing rubbish") {
  for (const auto* text : {"", "/", "/24", "example.org", "198.51.100.7/24", "198.51.100.0/33", "198.51.100.0/-1", "198.51.100.0/", "198.51.100.0/24 ",
                           "198.51.100.0/24/24", "2001:db8::1/64", "2001:db8::/129", "fe80::1%eth0", "1.2.3", "0x7f000001", "198.51.100.0/024x"})
    CHECK_MESSAGE(!Network::parse(text), text);
}

TEST_CASE("a network's text is read back as the same network") {
  for (const auto* text : {"198.51.100.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0", "192.0.2.1/32"}) CHECK(Network::parse(text)->text() == text);
}

}  // namespace shutterseal::registry
