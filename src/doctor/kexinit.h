// SPDX-License-Identifier: Apache-2.0
// What a server says before any key: its version line and its SSH_MSG_KEXINIT (RFC 4253 sections 4.2 and 7.1). Read by hand, since a library
// tells only what was negotiated, and a weak algorithm is one that is offered.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/doctor/tcp.h"

namespace shutterseal::doctor {

struct Offer {
  std::string version;  // "SSH-2.0-OpenSSH_9.2p1"
  std::vector<std::string> kex, host_keys, ciphers, macs, compressions;  // what the server takes from a client
};
// Nothing: it is no SSH server, or it breaks the protocol.
[[nodiscard]] std::optional<Offer> read_offer(Tcp& tcp);
// The same from the payload of a packet, from its message number on: the part that hostile octets reach.
[[nodiscard]] std::optional<Offer> parse_kexinit(ByteView payload);

// Those of `offered` that are not known to be strong, by what OpenSSH's and NIST's deprecations say: SHA-1, CBC, RC4, 3DES, 64-bit tags, DSA, RSA/SHA-1.
[[nodiscard]] std::vector<std::string> weak_kex(const std::vector<std::string>& offered);
[[nodiscard]] std::vector<std::string> weak_host_keys(const std::vector<std::string>& offered);
[[nodiscard]] std::vector<std::string> weak_ciphers(const std::vector<std::string>& offered);
[[nodiscard]] std::vector<std::string> weak_macs(const std::vector<std::string>& offered);

}  // namespace shutterseal::doctor
