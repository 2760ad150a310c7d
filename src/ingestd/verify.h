// SPDX-License-Identifier: Apache-2.0
// The daemon's end of one verifier process. It starts it, asks it, and believes none of its answers that it can check itself.
#pragma once

#include <sys/types.h>

#include <vector>

#include "src/base/log.h"
#include "src/envelope/envelope.h"
#include "src/ingestd/settings.h"
#include "src/ingestd/arena.h"
#include "src/ingestd/wire.h"
#include "src/server/trust.h"

namespace shutterseal::ingestd {

class Verifier {
 public:
  Verifier(const Settings& settings, const Log& log) : settings_(settings), log_(log) {}
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  // One record an envelope, in order, without gaps from the first to the last octet. Checked here: ranges, the camera, that the signer is one
  // of `signers`; the digests are computed here. A verifier that dies, answers nonsense, or has not answered within
  // verifier-limit is replaced; when it happens twice with the same octets the whole of it is one `malformed`. Each is replaced after
  // verifier-life drops, too: should one be subverted unnoticed, it judges no more than these. Error unavailable when a fresh verifier
  // does not accept the known answer (known_answer.h), Error temporary when somebody kills them, at their start three times in a row: then
  // nothing was judged.
  void prove();  // starts one now, to learn that it works here
  [[nodiscard]] std::vector<envelope::Judged> judge(const Arena& octets, const CameraId& camera, const std::vector<server::Signer>& signers,
                                                    const std::vector<Ski>& custodians);

 private:
  void start();
  void spawn();
  [[nodiscard]] bool accepts_the_known_answer();
  [[nodiscard]] bool send(const Arena& octets, Request& request);
  void stop();
  [[nodiscard]] bool was_killed();
  [[nodiscard]] std::optional<std::vector<envelope::Judged>> ask(const Arena& octets, const CameraId& camera,
                                                                 const std::vector<server::Signer>& signers, const std::vector<Ski>& custodians);
  const Settings& settings_;
  const Log& log_;
  Fd socket_;
  pid_t pid_ = -1;
  std::uint64_t memory_ = 0;  // Arena::memory() of what this process has mapped
  std::uint64_t judged_ = 0;  // by this process, beside the known answer
};

}  // namespace shutterseal::ingestd
