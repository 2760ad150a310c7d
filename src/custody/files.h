// SPDX-License-Identifier: Apache-2.0
// Files that several subcommands read: keys, certificates, the server's own.
#pragma once

#include <string>

#include "src/base/paths.h"
#include "src/config/arguments.h"
#include "src/envelope/keys.h"
#include "src/registry/registry.h"

namespace shutterseal::custody {

inline constexpr const char* kProgram = "shutterseal";
inline constexpr std::size_t kLargestPem = 64 * 1024;
inline constexpr TimeMs kDay = 24LL * 3600 * 1000;

[[nodiscard]] ServerPaths paths_of(const config::Arguments& arguments);
// With --root everything belongs to whoever calls, for demo and tests; without, the accounts of a real server are used.
[[nodiscard]] bool is_private_tree(const config::Arguments& arguments);
[[nodiscard]] registry::Registry registry_of(const config::Arguments& arguments);  // --registry DIR, or the server's
[[nodiscard]] CameraId camera_id(const std::string& text);                         // Error usage
[[nodiscard]] registry::Camera enrolled_camera(const registry::Registry& registry, const CameraId& id);  // Error unknown
void refuse_final(const registry::Camera& camera);  // revoked or removed: Error data

// A UTC time (Error usage when it is none); nothing when the option is not given.
[[nodiscard]] std::optional<TimeMs> time_option(const config::Arguments& arguments, const std::string& name);
// `option` names a file given on the command line (Error usage when it is missing).
[[nodiscard]] std::string needed(const config::Arguments& arguments, const std::string& option);
[[nodiscard]] envelope::Certificate read_certificate(const std::string& path);
// A PKCS#8 key with its passphrase from --passphrase-file, the credential or the terminal.
[[nodiscard]] envelope::PrivateKey read_private_key(const config::Arguments& arguments, const std::string& path, const std::string& who);
// Error cannot_create before any work is done when an output exists.
void refuse_existing(const std::string& path);

}  // namespace shutterseal::custody
