// SPDX-License-Identifier: Apache-2.0
// An enrolled camera's octets: signed anew after each change, so that the code behind the signature is reached. What is believed has the one
// encoding of the template, OpenSSL's CMS_verify takes it too, the daemon gets the same words over the wire, and opening it releases
// nothing that was not accepted.
#include "src/envelope/layers.h"
#include "src/ingestd/wire.h"
#include "test/fuzz/lib/der_target.h"
#include "test/fuzz/lib/parcel.h"
#include "test/fuzz/lib/world.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;
using envelope::Judged;

static void check_encoding(ByteView message, const Judged& judged) {
  const auto view = envelope::match_signed_data(message, false, envelope::Extra::passage);
  HOLDS(view && is_canonical(message, *view, envelope::Extra::passage));
  HOLDS(std::ranges::equal(envelope::encode_passage(judged.passage), view->extra));
  HOLDS(view->signing_time == judged.passage.sealed_at - judged.passage.sealed_at % 1000);
  const auto middle = envelope::match_middle(view->content);
  HOLDS(middle);
  auto frame = envelope::frame_middle(envelope::encode_recipients(middle->recipients), middle->nonce, middle->ciphertext.size(), middle->tag);
  envelope::der::append(frame.head, middle->ciphertext);
  envelope::der::append(frame.head, frame.tail);
  HOLDS(std::ranges::equal(frame.head, view->content));
}

static void check_wire(const Judged& judged) {
  const auto heard = ingestd::from_answer(ingestd::to_answer(judged, true));
  HOLDS(heard && heard->verdict == judged.verdict && heard->certificate == judged.certificate);
  HOLDS(envelope::encode_passage(heard->passage) == envelope::encode_passage(judged.passage));
}

static void check_opening(ByteView message, const Judged& judged) {
  const auto opened = envelope::open_envelope(message, judged, world().signers.front(), world().custodian_key);
  HOLDS(opened.verdict == Verdict::accepted || opened.content.empty());
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static envelope::Judge judge;
  const auto message = signed_again({data, size}, world().camera_key);
  const auto judged = judge.envelope(message, world().id.text(), std::span(world().signers).first(1), world().custodians);
  if (!is_believed(judged)) return 0;
  HOLDS((judged.verdict == Verdict::wrong_camera) == (judged.passage.camera != world().id.text()));
  check_encoding(message, judged);
  check_wire(judged);
  HOLDS(stock_verifies(message, world().camera));
  if (is_stored(judged.verdict)) check_opening(message, judged);
  return 0;
}
