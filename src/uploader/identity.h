// SPDX-License-Identifier: Apache-2.0
// Who this camera is and whom it trusts: the request it made, the authority it accepted, the newest bundle.
// SECURITY: a bundle decides where pictures go and who can open them. It counts only when signed by the one authority whose fingerprint
// was compared at the first accept, for this camera and this signing key, and with a higher serial than the one before.
#pragma once

#include "src/envelope/envelope.h"
#include "src/envelope/receipt.h"
#include "src/transport/transport.h"
#include "src/uploader/settings.h"

namespace shutterseal::uploader {

struct Identity {
  envelope::Request request;
  envelope::Bundle bundle;  // its certificate is the newest one: a renewed one takes the place of the bundle's own
  [[nodiscard]] const CameraId& camera() const { return bundle.camera; }
};

// Error config when there are no keys or no bundle yet.
[[nodiscard]] envelope::Request load_request(const Context& context);
[[nodiscard]] Identity load_identity(const Context& context);
[[nodiscard]] std::optional<Digest> accepted_authority(const Context& context);
[[nodiscard]] std::unique_ptr<envelope::Sealer> make_sealer(const Context& context, const Identity& identity, const Secret& passphrase);

[[nodiscard]] envelope::PrivateKey open_ssh_key(const Context& context, const Secret& passphrase);
// The SSH key behind the agent that libcurl logs in with: the key itself never reaches a library or a file.
class Login {
 public:
  Login(envelope::PrivateKey key, const Identity& identity);
  [[nodiscard]] transport::SshAgent& agent() { return agent_; }

 private:
  envelope::PrivateKey key_;
  transport::SshAgent agent_;
};

[[nodiscard]] transport::Settings transport_settings(const Context& context, const Identity& identity, Login& login);

// Checks everything above and installs the bundle. Error protocol says what is wrong; the installed one then stays. Gives its serial.
std::uint64_t install_bundle(const Context& context, ByteView bytes, const Digest& authority);

}  // namespace shutterseal::uploader
