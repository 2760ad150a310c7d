// SPDX-License-Identifier: Apache-2.0
// The verifier process: reads hostile bytes and judges them. It is a program started afresh, so it holds no key of the
// daemon; it has one socket; and after seccomp(2) it can neither open a file nor make a process: whoever takes it over has gained nothing.
#pragma once

namespace shutterseal::ingestd {

// Never returns before the socket at kVerifierFd closes. Answers until then.
[[nodiscard]] int verifier_main();

}  // namespace shutterseal::ingestd
