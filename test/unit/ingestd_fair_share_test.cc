// SPDX-License-Identifier: Apache-2.0
// A flood of one camera has little on its way while others send, and all that there is room for while nobody else does.
#include <doctest/doctest.h>

#include "src/ingestd/fair_share.h"

namespace shutterseal::ingestd {

static constexpr std::uint64_t kAlone = 256;
static constexpr std::int64_t kNow = 1'000'000;

static CameraId camera(const char* id) { return CameraId::parse(id).value(); }

static FairShare shared_by_two(std::uint64_t alone = kAlone) {
  FairShare share(alone);
  share.passed(camera("flood"), kNow);
  share.passed(camera("other"), kNow);
  return share;
}

TEST_CASE("a camera that sends alone may have all that there is room for") {
  FairShare share(kAlone);
  for (int i = 0; i < 3; ++i) share.passed(camera("flood"), kNow);
  share.judged(camera("flood"), true);
  CHECK(share.files(camera("flood"), kNow) == kAlone);
}

TEST_CASE("while several send a flood has four drops on its way, and alone again later all") {
  const auto share = shared_by_two();
  CHECK(share.files(camera("flood"), kNow) == 4);
  CHECK(share.files(camera("third"), kNow) == 4);
  CHECK(share.files(camera("flood"), kNow + 9'999) == 4);
  CHECK(share.files(camera("flood"), kNow + 10'000) == kAlone);
}

TEST_CASE("rubbish has two, until its camera sends what is good") {
  auto share = shared_by_two();
  share.judged(camera("flood"), true);
  CHECK(share.files(camera("flood"), kNow) == 2);
  CHECK(share.files(camera("other"), kNow) == 4);
  share.judged(camera("flood"), false);
  CHECK(share.files(camera("flood"), kNow) == 4);
}

TEST_CASE("an administrator's smaller limit holds for all") {
  const auto share = shared_by_two(1);
  CHECK(share.files(camera("flood"), kNow) == 1);
  CHECK(share.files(camera("flood"), kNow + 10'000) == 1);
}

}  // namespace shutterseal::ingestd
