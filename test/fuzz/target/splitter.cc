// SPDX-License-Identifier: Apache-2.0
// Any octets are a parcel: they are split without gap or overlap, nothing is believed where nobody is enrolled, and what is too large says so.
#include "test/fuzz/lib/der_target.h"
#include "test/fuzz/lib/parcel.h"

using namespace shutterseal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLargestContent = 256;
  static envelope::Judge judge(kLargestContent);
  const ByteView parcel(data, size);
  const auto all = judge.parcel(parcel, "102", {}, {});
  fuzz::check_cover(parcel, all);
  for (const auto& one : all) {
    HOLDS(!fuzz::is_believed(one) && one.passage.camera.empty());
    HOLDS(one.verdict == Verdict::malformed || one.verdict == Verdict::too_large || one.verdict == Verdict::unknown_signer);
    if (one.size > kLargestContent + envelope::kLargestOverhead) HOLDS(one.verdict == Verdict::too_large);
  }
  return 0;
}
