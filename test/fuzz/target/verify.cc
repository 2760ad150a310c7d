// SPDX-License-Identifier: Apache-2.0
// A stranger's octets: whatever is believed of them was signed by the camera when the seeds were made. Anything else is a forgery.
#include "src/envelope/signed_data.h"
#include "test/fuzz/lib/der_target.h"
#include "test/fuzz/lib/parcel.h"
#include "test/fuzz/lib/world.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static envelope::Judge judge;
  const ByteView parcel(data, size);
  const auto all = judge.parcel(parcel, world().id.text(), world().signers, world().custodians);
  check_cover(parcel, all);
  for (const auto& one : all) {
    if (!is_believed(one)) continue;
    const auto view = envelope::match_signed_data(range_of(parcel, one), false, envelope::Extra::passage);
    HOLDS(view && is_genuine(*view) && is_canonical(range_of(parcel, one), *view, envelope::Extra::passage));
    HOLDS(one.certificate == view->certificate_digest);
  }
  return 0;
}
