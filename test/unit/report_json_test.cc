// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/report/json.h"

namespace shutterseal::report {

TEST_CASE("octets that are no UTF-8 become a replacement character, not an exception; the rest beyond ASCII is spelled out") {
  CHECK(to_text(Json{{"a", "\xff"}}) == "{\"a\":\"\\ufffd\"}");
  CHECK(to_text(Json{{"a", "\u009b\u202e\u00e9\x7f"}}) == "{\"a\":\"\\u009b\\u202e\\u00e9\\u007f\"}");
  CHECK(to_text(Json{{"a", "x\"\n"}}) == "{\"a\":\"x\\\"\\n\"}");
}

}  // namespace shutterseal::report
