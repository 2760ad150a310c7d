// SPDX-License-Identifier: Apache-2.0
// The middle layer of a camera that signs whatever it likes: what the reader takes is encoded in the one way, what it does not take is never
// stored, and only what a seed encrypted comes out of it.
#include "src/envelope/layers.h"
#include "test/fuzz/lib/der_target.h"
#include "test/fuzz/lib/layers.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

static void check_encoding(ByteView message, const envelope::MiddleView& view) {
  auto frame = envelope::frame_middle(envelope::encode_recipients(view.recipients), view.nonce, view.ciphertext.size(), view.tag);
  envelope::der::append(frame.head, view.ciphertext);
  envelope::der::append(frame.head, frame.tail);
  HOLDS(std::ranges::equal(frame.head, message));
  HOLDS(view.tag.size() == envelope::kTag && view.nonce.size() == envelope::kNonce);
  HOLDS(!view.recipients.empty() && view.recipients.size() <= envelope::kMostRecipients);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView message(data, size);
  const auto view = envelope::match_middle(message);
  if (view) check_encoding(message, *view);
  const auto opened = judged_and_opened(around_middle(message));
  HOLDS(!opened || view);
  if (opened && opened->verdict == Verdict::accepted) HOLDS(is_genuine(opened->content));
  return 0;
}
