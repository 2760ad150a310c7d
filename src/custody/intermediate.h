// SPDX-License-Identifier: Apache-2.0
// The intermediate: a key on the server that gives certified keys more time, and can make no camera (shutterseal-envelope(5), RENEWALS).
#pragma once

#include "src/base/paths.h"
#include "src/envelope/keys.h"

namespace shutterseal::custody {

struct Intermediate {
  envelope::PrivateKey key;
  envelope::Certificate certificate;
};
// Error config when there is none here, when it is not the authority's, or when this host's clock is outside of its time.
[[nodiscard]] Intermediate read_intermediate(const ServerPaths& paths);

}  // namespace shutterseal::custody
