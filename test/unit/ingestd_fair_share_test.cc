// SPDX-License-Identifier: Apache-2.0
// A flood of one camera has one drop on its way while others send a picture now and then, and all that there is room for while nobody does.
#include <doctest/doctest.h>

#include "src/ingestd/fair_share.h"

namespace shutterseal::ingestd {

TEST_CASE("a flood has one drop on its way while others send a few, and all that there is room for before and after") {
  constexpr std::uint64_t kAlone = 256;
  constexpr std::int64_t kNow = 1'000'000;
  FairShare share(kAlone);
  CHECK(share.files(kNow) == kAlone);
  share.few_came(kNow);
  CHECK(share.files(kNow) == 1);
  CHECK(share.files(kNow + 9'999) == 1);
  CHECK(share.files(kNow + 10'000) == kAlone);
}

}  // namespace shutterseal::ingestd
