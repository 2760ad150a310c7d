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

// What the daemon reads drops into, mapped once: it keeps one for most of them.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { unmap(); }
  [[nodiscard]] bool map(int fd, std::size_t capacity) {
    unmap();
    auto* octets = ::mmap(nullptr, capacity, PROT_READ, MAP_SHARED, fd, 0);
    if (octets == MAP_FAILED) return false;
    octets_ = static_cast<const std::uint8_t*>(octets);
    capacity_ = capacity;
    return true;
  }
  [[nodiscard]] bool holds(std::uint64_t size) const noexcept { return size <= capacity_; }
  [[nodiscard]] ByteView first(std::uint64_t size) const { return {octets_, static_cast<std::size_t>(size)}; }

 private:
  void unmap() noexcept {
    if (octets_) ::munmap(const_cast<std::uint8_t*>(octets_), capacity_);
    octets_ = nullptr;
    capacity_ = 0;
  }
  const std::uint8_t* octets_ = nullptr;
  std::size_t capacity_ = 0;
};

int verifier_main() {
  auto request = std::make_unique<Request>();
  Fd descriptor;
  Memory memory;
  // The picture limit comes with the first request; it never changes while this process lives.
  std::unique_ptr<envelope::Judge> judge;
  static_cast<void>(envelope::sha256({}));  // libcrypto loads what it needs while it still may
  enter_sandbox(kVerifierFd);
  while (receive_request(kVerifierFd, *request, descriptor)) {
    if (!judge) judge = std::make_unique<envelope::Judge>(request->picture_limit, envelope::Naming::skip);
    if (descriptor && !memory.map(descriptor.get(), request->capacity)) ::_exit(1);
    descriptor.reset();
    if (!memory.holds(request->size) || !answer_request(*judge, *request, memory.first(request->size))) ::_exit(1);
  }
  return 0;
}

}  // namespace shutterseal::ingestd
