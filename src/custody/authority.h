// SPDX-License-Identifier: Apache-2.0
// Who certifies cameras and signs bundles. Its key is opened once a call, however many cameras are enrolled.
#pragma once

#include <optional>

#include "src/config/arguments.h"
#include "src/envelope/keys.h"

namespace shutterseal::custody {

inline constexpr std::uint64_t kLongestLifeDays = 36500;
// The end of a certificate that `issuer` makes now: --days (default one year), and never longer than the issuer itself.
[[nodiscard]] TimeMs end_of_life(const config::Arguments& arguments, const envelope::Certificate& issuer);
// Error config: by this host's clock `issuer` does not live yet, or no more, and what it signs now would be worth nothing.
void check_time(const envelope::Certificate& issuer, const std::string& who);

struct Authority {
  envelope::Certificate certificate;
  std::optional<envelope::PrivateKey> key;

  // --authority-key when it was given. Error permission when it does not belong to the certificate.
  Authority(const config::Arguments& arguments, envelope::Certificate certificate_of_it);
  // For --days (default one year), and never longer than the authority itself. Error usage without --authority-key.
  [[nodiscard]] envelope::Certificate certify(const config::Arguments& arguments, const envelope::Request& request) const;
};

}  // namespace shutterseal::custody
