// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/report/json.h"

namespace shutterseal::report {

TEST_CASE("octets that are no UTF-8 become a replacement character, not an exception") {
  CHECK(to_text(Json{{"a", "\xff"}}) == "{\"a\":\"\xef\xbf\xbd\"}");
  CHECK(to_text(Json{{"a", "x\"\n"}}) == "{\"a\":\"x\\\"\\n\"}");
}

}  // namespace shutterseal::report
