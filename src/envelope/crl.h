// SPDX-License-Identifier: Apache-2.0
// Certificate revocation lists (RFC 5280 section 5), for those who check with stock tools. Written here and never read.
#pragma once

#include <string>
#include <vector>

#include "src/envelope/keys.h"

namespace shutterseal::envelope {

struct Revoked {
  Certificate certificate;
  int reason = 0;            // section 5.3.1: 1 keyCompromise, 5 cessationOfOperation; 0 (unspecified) is left out
  TimeMs revoked_at = 0;
  TimeMs invalid_since = 0;  // section 5.3.2: since when the key is not to be believed
};
// PEM, version 2, signed by the key of `authority`, whose certificates these must be. The number is `now`: it grows without a state that could be lost.
[[nodiscard]] std::string issue_crl(const std::vector<Revoked>& revoked, TimeMs now, TimeMs next_update, const PrivateKey& key, const Certificate& authority);

}  // namespace shutterseal::envelope
