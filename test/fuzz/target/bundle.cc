// SPDX-License-Identifier: Apache-2.0
// A bundle decides whom a camera trusts. A message: believed only if the authority signed it. A text: what is read of it is written
// again octet by octet, and every certificate in it is the authority's.
#include "src/envelope/lines.h"
#include "test/fuzz/lib/der_target.h"
#include "test/fuzz/lib/world.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

static void check_bundle(const envelope::Bundle& bundle) {
  HOLDS(!bundle.urls.empty() && bundle.urls.size() <= 8 && !bundle.host_key_pins.empty() && bundle.host_key_pins.size() <= 4);
  HOLDS(!bundle.receipt_pins.empty() && !bundle.custodians.empty() && bundle.custodians.size() <= envelope::kMostCustodians);
  HOLDS(bundle.certificate.size() == 1);
  HOLDS(std::ranges::all_of(bundle.urls, is_printable_line) && std::ranges::all_of(bundle.host_key_pins, is_printable_line));
}

static void check_message(ByteView message, bool genuine) {
  const auto reading = envelope::read_bundle(message, world().authority.fingerprint);
  HOLDS(reading.value.has_value() == reading.reason.empty() && is_printable_line(reading.reason));
  if (!reading.value) return;
  const auto view = envelope::match_signed_data(message, true, envelope::Extra::none);
  HOLDS(view && is_canonical(message, *view, envelope::Extra::none));
  if (genuine) HOLDS(is_genuine(*view));
  HOLDS(envelope::bundle_authority(message) == world().authority.fingerprint);
  const auto& bundle = reading.value->bundle;
  check_bundle(bundle);
  HOLDS(envelope::bundle_text(bundle) == as_text(view->content));
  const auto is_certified = [](const envelope::Certificate& one) { return one.is_signed_by(world().authority); };
  HOLDS(std::ranges::all_of(bundle.custodians, is_certified) && is_certified(bundle.certificate.front()));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (size != 0 && data[0] == envelope::der::kSequence) {
    check_message(input, true);
    check_message(signed_again(input, world().authority_key), false);
  } else {
    const auto draft = envelope::parse_bundle_text(as_text(input));
    if (draft.value) HOLDS(envelope::bundle_text(*draft.value) == as_text(input));
    check_message(envelope::sign_text(as_text(input), world().authority_key, world().authority), false);
  }
  return 0;
}
