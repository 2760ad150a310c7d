// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/worker.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/ingestd/wire.h"

namespace shutterseal::ingestd {

// Memory, the one socket, and the end. Nothing that names a file, an address or a process. mmap is allowed without PROT_EXEC alone.
static void enter_sandbox() {
  const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release);
  if (!filter) throw Error(ErrorKind::system, "cannot set up seccomp");
  const auto allow = [&filter](int call) {
    if (seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) != 0) throw Error(ErrorKind::system, "cannot set up seccomp");
  };
  for (const int call : {SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(close), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk),
                         SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
                         SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime), SCMP_SYS(getrandom)})
    allow(call);
  const struct scmp_arg_cmp not_executable {
    2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0
  };
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    if (seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, 1, &not_executable) != 0)
      throw Error(ErrorKind::system, "cannot set up seccomp");
  if (seccomp_load(filter.get()) != 0) throw Error(ErrorKind::system, "cannot enter seccomp");
}

static void answer_one(envelope::Judge& judge, const Request& request, ByteView bytes) {
  std::vector<envelope::TrustedSigner> signers;
  for (std::uint32_t i = 0; i < request.signers; ++i) {
    const auto& record = request.signer[i];
    signers.push_back({Ski{record.ski}, Digest{record.certificate}, record.point});
  }
  std::vector<Ski> custodians;
  for (std::uint32_t i = 0; i < request.custodians; ++i) custodians.push_back(Ski{request.custodian[i]});
  const auto judged = judge.parcel(bytes, request.camera.data(), signers, custodians);
  const auto count = std::min(judged.size(), kMostAnswers);
  for (std::size_t i = 0; i < count; ++i)
    if (!send_answer(kVerifierFd, to_answer(judged[i], i + 1 == count))) ::_exit(1);
}

int verifier_main() {
  auto request = std::make_unique<Request>();
  Fd snapshot;
  // The picture limit comes with the first request; it never changes while this process lives.
  std::unique_ptr<envelope::Judge> judge;
  static_cast<void>(envelope::sha256({}));  // libcrypto loads what it needs while it still may
  enter_sandbox();
  while (receive_request(kVerifierFd, *request, snapshot)) {
    if (!judge) judge = std::make_unique<envelope::Judge>(request->picture_limit, envelope::Naming::skip);
    auto* octets = request->size == 0 ? nullptr : ::mmap(nullptr, request->size, PROT_READ, MAP_SHARED, snapshot.get(), 0);
    if (octets == MAP_FAILED) ::_exit(1);
    answer_one(*judge, *request, {static_cast<const std::uint8_t*>(octets), request->size});
    if (octets) ::munmap(octets, request->size);
    snapshot.reset();
  }
  return 0;
}

}  // namespace shutterseal::ingestd
