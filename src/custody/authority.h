// SPDX-License-Identifier: Apache-2.0
// Who certifies cameras and signs bundles. Its key is opened once a call, however many cameras are enrolled.
#pragma once

#include <optional>

#include "src/config/arguments.h"
#include "src/envelope/keys.h"

namespace shutterseal::custody {

struct Authority {
  envelope::Certificate certificate;
  std::optional<envelope::PrivateKey> key;

  // --authority-key when it was given. Error permission when it does not belong to the certificate.
  Authority(const config::Arguments& arguments, envelope::Certificate certificate_of_it);
  // For --days (default one year), and never longer than the authority itself. Error usage without --authority-key.
  [[nodiscard]] envelope::Certificate certify(const config::Arguments& arguments, const envelope::Request& request) const;
};

}  // namespace shutterseal::custody
