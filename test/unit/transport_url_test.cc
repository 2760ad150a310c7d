// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/transport/transport.h"

namespace shutterseal::transport {

TEST_CASE("URLs of one form are used, with IPv6 in brackets") {
  const auto plain = parse_target("sftp://drop.example.org/");
  REQUIRE(plain);
  CHECK(plain->port == 22);
  const auto full = parse_target("sftp://user@[2001:db8::1]:2222/sub");
  REQUIRE(full);
  CHECK(full->host == "[2001:db8::1]");
  CHECK(full->port == 2222);
  CHECK(full->user == "user");
  CHECK(full->path == "/sub/");
  for (const auto* bad : {"", "http://x/", "sftp://", "sftp:///x", "sftp://h:0/", "sftp://h:65536/", "sftp://h:22x/", "sftp://a b/", "sftp://u:pw@h/",
                          "sftp://h/a?b", "sftp://h/%2e", "sftp://[::1/", "sftp://h/\n", "sftp://h/;rm"})
    CHECK_FALSE(parse_target(bad));
}

}  // namespace shutterseal::transport
