// SPDX-License-Identifier: Apache-2.0
// The inner layer, as it comes and signed anew: what opens was signed by the camera, is encoded in the one way, names the outer layer's place in
// the chain, and a file name that stays in its directory.
#include "src/envelope/layers.h"
#include "test/fuzz/lib/der_target.h"
#include "test/fuzz/lib/layers.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;
using envelope::Capture;

static void check_capture(const Capture& capture) {
  const auto& outer = outer_passage();
  HOLDS(capture.camera == outer.camera && capture.chain == outer.chain && capture.sequence == outer.sequence);
  const auto& name = capture.file_name;
  HOLDS(!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos);
  HOLDS(!has_control(name));
}

// What was opened; nothing when it was refused. The layers around it cost two signatures: only for what the template lets through.
static std::optional<envelope::SignedView> opened_view(ByteView inner) {
  if (!envelope::match_signed_data(inner, true, envelope::Extra::capture)) return std::nullopt;
  const auto opened = judged_and_opened(around_inner(inner));
  if (!opened || opened->verdict != Verdict::accepted) return std::nullopt;
  const auto view = envelope::match_signed_data(inner, true, envelope::Extra::capture);
  HOLDS(view && is_canonical(inner, *view, envelope::Extra::capture));
  HOLDS(std::ranges::equal(envelope::encode_capture(opened->capture), view->extra) && std::ranges::equal(opened->content, view->content));
  check_capture(opened->capture);
  return view;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView message(data, size);
  if (const auto view = opened_view(message)) HOLDS(is_genuine(*view));
  const auto again = signed_again(message, world().camera_key);
  if (opened_view(again)) HOLDS(stock_verifies(again, world().camera));
  return 0;
}
