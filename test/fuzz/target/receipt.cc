// SPDX-License-Identifier: Apache-2.0
// A receipt decides what a camera deletes. A message (it starts with a SEQUENCE's tag): believed only if the server signed it. A text: signed
// here, and what is read of it is written and read again as the same.
#include "src/envelope/lines.h"
#include "test/fuzz/lib/der_target.h"
#include "test/fuzz/lib/world.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;
using envelope::Receipt;

static envelope::Reading<Receipt> read(ByteView message) {
  auto reading = envelope::read_receipt(message, world().id, {&world().receipt.fingerprint, 1});
  HOLDS(reading.value.has_value() == reading.reason.empty() && is_printable_line(reading.reason));
  return reading;
}

static bool same(const envelope::Refusal& a, const envelope::Refusal& b) {
  return a.name == b.name && a.digest == b.digest && a.verdict == b.verdict;
}

static void check_round_trip(const Receipt& receipt) {
  static const envelope::ReceiptKey key{envelope::PrivateKey::from_pem(world().receipt_key.to_pem(Secret()), Secret(), "receipt"), world().receipt};
  HOLDS(receipt.runs.size() <= envelope::kMostRuns && receipt.refusals.size() <= envelope::kMostRefusals);
  for (const auto& run : receipt.runs) HOLDS(run.first >= 1 && run.first <= run.last && run.last <= kLargestInteger);
  for (const auto& refusal : receipt.refusals) HOLDS(is_printable_line(refusal.name) && is_refused(refusal.verdict));
  const auto again = read(envelope::sign_receipt(receipt, key));
  HOLDS(again.value && again.value->time == receipt.time && again.value->number == receipt.number && again.value->runs == receipt.runs);
  HOLDS(std::ranges::equal(again.value->refusals, receipt.refusals, same));
}

static void check_message(ByteView message, bool genuine) {
  const auto reading = read(message);
  if (!reading.value) return;
  const auto view = envelope::match_signed_data(message, true, envelope::Extra::none);
  HOLDS(view && is_canonical(message, *view, envelope::Extra::none));
  if (genuine) HOLDS(is_genuine(*view));
  check_round_trip(*reading.value);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (size != 0 && data[0] == envelope::der::kSequence) {
    check_message(input, true);
    check_message(signed_again(input, world().receipt_key), false);
  } else {
    check_message(envelope::sign_text(as_text(input), world().receipt_key, world().receipt), false);
  }
  return 0;
}
