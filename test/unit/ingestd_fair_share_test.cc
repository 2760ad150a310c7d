// SPDX-License-Identifier: Apache-2.0
// A flood of one camera has one drop on its way while others send a picture now and then, with a rest behind each, and all that there is room for while
// nobody does.
#include <doctest/doctest.h>

#include "src/ingestd/fair_share.h"

namespace shutterseal::ingestd {

static constexpr std::uint64_t kAlone = 256;
static constexpr std::int64_t kNow = 1'000'000;
static const CameraId kFlood = *CameraId::parse("101"), kOther = *CameraId::parse("102");

TEST_CASE("a flood has one drop on its way while others send a few, and all that there is room for before and after") {
  FairShare share(kAlone);
  CHECK(share.files(kFlood, kNow) == kAlone);
  share.few_came(false, kNow);
  CHECK(share.files(kFlood, kNow) == kAlone);
  share.few_came(true, kNow);
  CHECK(share.files(kFlood, kNow) == 1);
  CHECK(share.files(kFlood, kNow + 9'999) == 1);
  CHECK(share.files(kFlood, kNow + 10'000) == kAlone);
}

TEST_CASE("while others send a few, a flood rests behind each drop for as long as that took, and no other does") {
  FairShare share(kAlone);
  share.went(kFlood, 40, kNow);
  CHECK(share.files(kFlood, kNow) == kAlone);
  share.few_came(true, kNow);
  share.went(kFlood, 40, kNow);
  CHECK(share.files(kFlood, kNow + 39) == 0);
  CHECK(share.files(kFlood, kNow + 40) == 1);
  CHECK(share.files(kOther, kNow) == 1);
  CHECK(share.shortest_rest(1'000, kNow + 30) == 10);
  CHECK(share.shortest_rest(5, kNow + 30) == 5);
  CHECK(share.shortest_rest(1'000, kNow + 40) == 1'000);
}

TEST_CASE("a drop that took a minute is no reason for a minute's rest") {
  FairShare share(kAlone);
  share.few_came(true, kNow);
  share.went(kFlood, 60'000, kNow);
  CHECK(share.files(kFlood, kNow + FairShare::kLongestRestMs - 1) == 0);
  CHECK(share.files(kFlood, kNow + FairShare::kLongestRestMs) == 1);
}

TEST_CASE("who comes while a flood rests has come beside it") {
  FairShare share(kAlone);
  share.few_came(true, kNow);
  share.went(kFlood, 40, kNow + 9'990);
  share.few_came(false, kNow + 9'995);
  CHECK(share.files(kFlood, kNow + 19'994) == 1);
  CHECK(share.files(kFlood, kNow + 19'995) == kAlone);
}

}  // namespace shutterseal::ingestd
