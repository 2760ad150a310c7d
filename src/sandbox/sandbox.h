// SPDX-License-Identifier: Apache-2.0
// Where hostile octets are read: seccomp(2), no descriptor but its socket. Any system call that is not on the list kills the process.
#pragma once

namespace shutterseal {

// For good. Left are memory (none of it executable), `socket`, and the end: nothing that names a file, an address or a process.
// Error system when the kernel refuses; nothing hostile may be read then.
void enter_sandbox(int socket);

}  // namespace shutterseal
