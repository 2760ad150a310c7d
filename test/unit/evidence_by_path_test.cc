// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/evidence/by_path.h"

namespace shutterseal::evidence {

TEST_CASE("the place of a file says when the server had it, if it is the place of this very envelope") {
  const auto camera = *CameraId::parse("101");
  ChainId chain;
  Digest digest;
  chain.octets.fill(0xab);
  digest.octets.fill(0xcd);
  const auto hex = digest.hex();
  constexpr TimeMs kTime = 1'795'000'000'123;  // 2026-11-18 11:06:40
  const auto at = [&](const std::string& path) { return received_by_path(path, camera, chain, 42, digest); };
  const std::string hour = "cam-101/2026-11-18/11/", head = "1795000000123-abababab-42-";
  for (const auto& good : {hour + head + hex.substr(0, 16) + ".p7m", "/copy/" + hour + head + hex + ".p7m", "x/" + hour + head + hex + "-2.p7m"}) CHECK(at(good) == kTime);
  for (const auto& bad : {head + hex + ".p7m", "cam-102/2026-11-18/11/" + head + hex + ".p7m", "xcam-101/2026-11-18/11/" + head + hex + ".p7m",
                          "cam-101/2026-11-19/11/" + head + hex + ".p7m", hour + "1795000000123-abababab-43-" + hex + ".p7m",
                          hour + "1795003600123-abababab-42-" + hex + ".p7m", hour + head + hex.substr(0, 15) + "0.p7m", hour + head + hex + ".jpg",
                          hour + "-1-abababab-42-" + hex + ".p7m", hour + "99999999999999999-abababab-42-" + hex + ".p7m", std::string("x.p7m"), std::string()})
    CHECK_FALSE(at(bad));
}

}  // namespace shutterseal::evidence
