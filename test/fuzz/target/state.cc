// SPDX-License-Identifier: Apache-2.0
// The uploader's own files after a power cut on a cheap card may hold anything: what is read of them is written and read as the same, and never
// leads to a sequence that the sealer would refuse.
#include "src/base/error.h"
#include "src/uploader/chain.h"
#include "src/uploader/receipt.h"
#include "test/fuzz/lib/fuzz.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;
using namespace shutterseal::uploader;

static void check_chain(std::string_view text) {
  try {
    const auto state = parse_chain(text, "chain");
    if (!state) return;
    HOLDS(state->next() >= 1 && state->next() <= kLargestInteger);
    HOLDS(parse_chain(format_chain(*state), "chain") == state);
  } catch (const Error& error) {
    HOLDS(is_printable_line(error.what()));
  }
}

static void check_receipts(std::string_view text) {
  try {
    const auto state = parse_receipt_state(text, "receipts");
    if (!state) return;
    HOLDS(state->sent.runs().size() <= kMostSentRuns);
    const auto again = parse_receipt_state(format_receipt_state(*state), "receipts");
    HOLDS(again && again->number == state->number && again->time == state->time && again->sent.runs() == state->sent.runs());
    HOLDS(again->is_lost == state->is_lost && again->proof == state->proof);
  } catch (const Error& error) {
    HOLDS(is_printable_line(error.what()));
  }
}

static void check_name(std::string_view text) {
  const auto name = EnvelopeName::parse(text);
  if (name) HOLDS(name->text() == text);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text({data, size});
  check_chain(text);
  check_receipts(text);
  check_name(text);
  return 0;
}
