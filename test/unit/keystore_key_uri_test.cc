// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/keystore/key_uri.h"

namespace shutterseal::keystore {

TEST_CASE("a key's place is read") {
  const auto file = parse_key_uri("file:/a/b.key").uri;
  REQUIRE(file);
  CHECK(file->place == KeyPlace::file);
  CHECK(file->path == "/a/b.key");
  const auto tpm = parse_key_uri("handle:0x81000010").uri;
  REQUIRE(tpm);
  CHECK(tpm->place == KeyPlace::tpm);
  CHECK(tpm->handle == 0x81000010);
  const auto token = parse_key_uri("pkcs11:token=cam;object=seal").uri;
  REQUIRE(token);
  CHECK(token->place == KeyPlace::token);
  CHECK(parse_key_uri("pkcs11:serial=1234;id=%01").uri);
  CHECK(parse_key_uri("handle:0x817fffff").uri);
}

TEST_CASE("what names no key of the owner's is refused, and a PIN in it is not repeated") {
  for (const char* text : {"", "/a/b.key", "file:", "file:a.key", "handle:", "handle:0x", "handle:0x80ffffff", "handle:0x81800000", "handle:0x8100001", "handle:0x810000100",
                           "handle:0x8100001G", "handle:0X81000010", "handle:81000010", "pkcs11:", "pkcs11:token=a", "pkcs11:object=a", "pkcs11:token=;object=a",
                           "pkcs11:token=a;object=", "pkcs11:token=a;object=b c", "tpm2:0x81000010", "https://a/b"}) {
    CAPTURE(text);
    const auto reading = parse_key_uri(text);
    CHECK(!reading.uri);
    CHECK(!reading.reason.empty());
  }
  const auto with_pin = parse_key_uri("pkcs11:token=a;object=b?pin-value=1234");
  CHECK(!with_pin.uri);
  CHECK(with_pin.reason.find("1234") == std::string::npos);
}

}  // namespace shutterseal::keystore
