// SPDX-License-Identifier: Apache-2.0
// What a new camera and one that is to be renewed are given: an invitation's line, the answer to a request, and a renewal's text (signed here). Each
// reader refuses, or gives a value whose written form it reads as the same.
#include "src/envelope/invitation.h"
#include "src/envelope/lines.h"
#include "test/fuzz/lib/fuzz.h"
#include "test/fuzz/lib/world.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

static void check_line(std::string_view line) {
  const auto reading = envelope::parse_invitation(line);
  HOLDS(reading.value.has_value() == reading.reason.empty() && is_printable_line(reading.reason));
  if (!reading.value) return;
  const auto& one = *reading.value;
  HOLDS(envelope::invitation_line(one) == line && is_printable_line(std::string(line)) && one.token.size() == 2 * envelope::kTokenOctets);
  HOLDS(!one.urls.empty() && one.urls.size() <= 8 && !one.host_key_pins.empty() && one.host_key_pins.size() <= 4);
}

static void check_renewal(std::string_view text) {
  const auto pin = world().receipt.fingerprint;
  const auto read = [&](ByteView message) { return envelope::read_renewal(message, world().id, {&pin, 1}); };
  const auto reading = read(envelope::sign_text(text, world().receipt_key, world().receipt));
  HOLDS(reading.value.has_value() == reading.reason.empty() && is_printable_line(reading.reason));
  if (!reading.value) return;
  HOLDS(reading.value->chain.size() == 1 || reading.value->chain.size() == 2);
  static const envelope::ReceiptKey key{envelope::PrivateKey::from_pem(world().receipt_key.to_pem(Secret()), Secret(), "receipt"), world().receipt};
  const auto again = read(envelope::sign_renewal(*reading.value, key));
  HOLDS(again.value && again.value->chain.size() == reading.value->chain.size() && again.value->chain[0].der == reading.value->chain[0].der);
  // The keys of these seeds certified no renewal: whatever leads to the authority is the certificate that it signed itself.
  if (envelope::is_good_renewal(reading.value->chain, world().camera, world().authority)) HOLDS(reading.value->chain[0].der == world().camera.der);
}

// Nobody who lacks the content key makes an answer; what opens is the one that was made here.
static void check_answer(ByteView message) {
  static const std::string token(2 * envelope::kTokenOctets, 'a');
  static const auto genuine = envelope::encrypt_answer(as_bytes("a bundle"), world().camera.point, token);
  const auto opened = envelope::decrypt_answer(message, world().camera_key, token);
  HOLDS(!opened);
  auto changed = genuine;
  for (std::size_t i = 0; i + 1 < message.size() && i < 16; i += 2) changed[(message[i] * 256U + message[i + 1]) % changed.size()] ^= 1;
  const auto again = envelope::decrypt_answer(changed, world().camera_key, token);
  HOLDS(!again || as_text(*again) == "a bundle");
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (size != 0 && data[0] == envelope::der::kSequence) check_answer(input);
  else if (as_text(input).starts_with("shutterseal-renewal")) check_renewal(as_text(input));
  else check_line(as_text(input));
  return 0;
}
