// SPDX-License-Identifier: Apache-2.0
// What cameras sent, read by a child in the verifiers' sandbox: the command runs as root, and whoever took over its reader there holds nothing but
// his own octets.
#pragma once

#include <string>

#include "src/envelope/keys.h"

namespace shutterseal::custody {

// Call it before any private key is opened: the child has the memory of its parent. Error temporary, with `name`: no answer came. A reader that was
// killed for want of memory, or is late on a busy host, says nothing about what it was given.
[[nodiscard]] envelope::RequestReading read_request_confined(ByteView pem, const std::string& name);

}  // namespace shutterseal::custody
