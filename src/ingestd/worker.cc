// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/worker.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "src/base/fd.h"
#include "src/ingestd/answer.h"
#include "src/sandbox/sandbox.h"

namespace shutterseal::ingestd {

std::vector<envelope::Judged> judge_request(envelope::Judge& judge, const Request& request, ByteView octets) {
  std::vector<envelope::TrustedSigner> signers;
  for (std::uint32_t i = 0; i < request.signers; ++i) {
    const auto& record = request.signer[i];
    signers.push_back({Ski{record.ski}, Digest{record.certificate}, record.point});
  }
  std::vector<Ski> custodians;
  for (std::uint32_t i = 0; i < request.custodians; ++i) custodians.push_back(Ski{request.custodian[i]});
  return judge.parcel(octets, request.camera.data(), signers, custodians, kMostAnswers);
}

bool send_answers(const std::vector<envelope::Judged>& judged) {
  return std::all_of(judged.begin(), judged.end(), [&](const auto& one) { return send_answer(kVerifierFd, to_answer(one, &one == &judged.back())); });
}

int verifier_main() {
  auto request = std::make_unique<Request>();
  Fd memory;
  // The picture limit comes with the first request; it never changes while this process lives.
  std::unique_ptr<envelope::Judge> judge;
  static_cast<void>(envelope::sha256({}));  // libcrypto loads what it needs while it still may
  enter_sandbox(kVerifierFd);
  while (receive_request(kVerifierFd, *request, memory)) {
    if (!judge) judge = std::make_unique<envelope::Judge>(request->picture_limit, envelope::Naming::skip);
    auto* octets = request->size == 0 ? nullptr : ::mmap(nullptr, request->size, PROT_READ, MAP_SHARED, memory.get(), 0);
    if (octets == MAP_FAILED) ::_exit(1);
    if (!answer_request(*judge, *request, {static_cast<const std::uint8_t*>(octets), request->size})) ::_exit(1);
    if (octets) ::munmap(octets, request->size);
    memory.reset();
  }
  return 0;
}

}  // namespace shutterseal::ingestd
