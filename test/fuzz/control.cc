// SPDX-License-Identifier: Apache-2.0
// Not a target: a harness that is broken on purpose, in each way that a replay must see. The first octet says which; any other is harmless.
#include <climits>

#include "test/fuzz/lib/fuzz.h"

static int past_the_end(const std::uint8_t* data, std::size_t size) { return data[size]; }

static int overflow(int value) { return INT_MAX + value; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static volatile int kept;
  if (size == 0) return 0;
  switch (data[0]) {
    case 'p': HOLDS(size == 0); break;
    case 'a': kept = past_the_end(data, size); break;
    case 'u': kept = overflow(static_cast<int>(size)); break;
    case 'e': throw kept;
  }
  return 0;
}
