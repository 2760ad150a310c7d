// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <fstream>

#include "src/base/error.h"
#include "src/evidence/evidence.h"
#include "test/unit/scratch.h"

namespace shutterseal::evidence {

static Item item(const char* camera, std::uint64_t sequence, TimeMs received, std::string_view content) {
  Item item{.camera = *CameraId::parse(camera), .chain = {}, .sequence = sequence, .digest = {}, .received_at = received, .content = as_bytes(content)};
  item.digest.octets.fill(static_cast<std::uint8_t>(sequence));
  return item;
}

TEST_CASE("what was put is found by receiving time, and putting it again is fine") {
  const Scratch scratch;
  const auto store = open_directory_store(scratch / "evidence");
  constexpr TimeMs kTen = 1795428672345;
  const std::vector<Item> group{item("101", 1, kTen, "one"), item("101", 2, kTen + 3'600'000, "two"), item("102", 1, kTen, "three")};
  const auto locations = store->put(group);
  CHECK(locations[0] == "cam-101/2026-11-23/10/1795428672345-00000000-1-0101010101010101.p7m");
  CHECK(store->put(group) == locations);
  CHECK(as_text(store->get(locations[2], 100)) == "three");
  std::ofstream(scratch / "evidence/cam-101/2026-11-23/10/stranger") << "x";
  std::vector<std::string> found, strangers;
  store->walk(0, [&](const Store::Found& one) { found.push_back(one.location); }, [&](const std::string& name) { strangers.push_back(name); });
  CHECK(found == locations);
  CHECK(strangers.size() == 1);
  found.clear();
  store->walk(kTen + 1, [&](const Store::Found& one) { found.push_back(one.location); }, {});
  CHECK(found == std::vector{locations[1]});
  store->remove(locations[0]);
  CHECK_THROWS_AS(static_cast<void>(store->get(locations[0], 100)), Error);
}

TEST_CASE("evidence that exists with other bytes is never overwritten") {
  const Scratch scratch;
  const auto store = open_directory_store(scratch / "evidence");
  const auto locations = store->put({item("101", 1, 1000, "one")});
  CHECK_THROWS_AS(static_cast<void>(store->put({item("101", 1, 1000, "two")})), Error);
  CHECK(as_text(store->get(locations[0], 100)) == "one");
}

}  // namespace shutterseal::evidence
