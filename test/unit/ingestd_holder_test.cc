// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/ingestd/drop.h"

namespace shutterseal::ingestd {

TEST_CASE("a name in held/ carries time, digest and name, in the order of the times, and nothing else is taken for one") {
  const auto digest = *Digest::parse(std::string(64, 'a'));
  const HeldName held{1'800'000'000'123, digest, "1-2-00000000000000aa.parcel"};
  const auto text = format_held(held);
  CHECK(text == "001800000000123-" + std::string(64, 'a') + "-1-2-00000000000000aa.parcel");
  CHECK(parse_held(text) == held);
  CHECK(parse_held(format_held({0, digest, "x"}))->had_since == 0);
  CHECK(format_held({999, digest, "x"}) < format_held({1000, digest, "x"}));
  for (const auto& other : {std::string(), std::string("1-2-00000000000000aa.parcel"), text.substr(1), text.substr(0, 81), "x" + text.substr(1),
                            "00180000000012 -" + text.substr(16), text.substr(0, 16) + "A" + text.substr(17)})
    CHECK_FALSE(parse_held(other));
  Drop drop{*CameraId::parse("101"), text, 0, 0, 0, 0, {}};
  CHECK(drop.dropped_as() == text);
  drop.is_held = true;
  CHECK(drop.dropped_as() == "1-2-00000000000000aa.parcel");
}

}  // namespace shutterseal::ingestd
