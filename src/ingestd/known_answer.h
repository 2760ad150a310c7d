// SPDX-License-Identifier: Apache-2.0
// A good envelope of a camera that does not exist, made anew by each process: what every verifier must accept before it is believed when it
// refuses. A verifier that cannot work here (a sandbox too tight, a limit, a library that needs one more system call) would otherwise
// judge every picture malformed, and the cameras would be told so.
#pragma once

#include <vector>

#include "src/ingestd/arena.h"
#include "src/server/trust.h"

namespace shutterseal::ingestd {

struct KnownAnswer {
  CameraId camera;
  Arena octets;
  std::vector<server::Signer> signers;
  std::vector<Ski> custodians;
};
[[nodiscard]] const KnownAnswer& known_answer();  // made at the first call

}  // namespace shutterseal::ingestd
