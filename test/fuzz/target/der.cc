// SPDX-License-Identifier: Apache-2.0
// The strict reader walks any octets: what it accepts as an element is exactly what the writer would write, to the last level, and an
// INTEGER that it reads is written back as the same octets.
#include "src/envelope/der.h"
#include "test/fuzz/lib/der_target.h"

using namespace shutterseal;
namespace der = envelope::der;

static void check_integer(ByteView whole) {
  bool bad = false;
  der::Reader reader(whole, bad);
  const auto value = reader.integer(whole[0], UINT64_MAX);
  reader.end();
  if (!bad) HOLDS(std::ranges::equal(der::integer(value, whole[0]), whole));
}

static void walk(ByteView bytes, int depth) {
  constexpr int kDeepest = 32;
  bool bad = false;
  der::Reader reader(bytes, bad);
  while (!reader.at_end() && depth < kDeepest) {
    const auto whole = reader.take_whole(reader.rest()[0]);
    if (bad) return;
    const auto content = der::Reader(whole, bad).take(whole[0]);
    HOLDS(!bad && std::ranges::equal(der::element(whole[0], {content}), whole));
    check_integer(whole);
    walk(content, depth + 1);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  walk({data, size}, 0);
  return 0;
}
