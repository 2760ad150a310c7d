// SPDX-License-Identifier: Apache-2.0
// What PAM notes about logins, in /run: from where cameras came in (so that no ban hits an address that they share with a stranger: carrier
// NAT), and how often an account's password was wrong (so that each account is slowed by itself and none is locked). Losing it is harmless.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/registry/network.h"

namespace shutterseal::registry {

class Logins {
 public:
  // `most_sites`: beyond so many no new site is noted, so that a stolen camera with a large network cannot fill /run.
  explicit Logins(std::string dir, std::uint64_t most_sites = 50'000) : dir_(std::move(dir)), most_sites_(most_sites) {}

  // fleet/SITE/cam-ID, its mtime the time of the last login. SITE is the address, of IPv6 its /64: what one customer has.
  void note_login(const Address& address, const CameraId& id) const;
  [[nodiscard]] std::vector<CameraId> seen_at(const Address& address, TimeMs since) const;

  // How often this name's password was wrong, counting this time; forgotten a quarter of an hour after the last. Names are counted in 4096
  // buckets, known or not: the delay that follows tells nobody which cameras exist, and a stranger cannot fill /run.
  [[nodiscard]] unsigned note_failure(std::string_view user) const;
  void forget_failures(std::string_view user) const;

 private:
  std::string dir_;
  std::uint64_t most_sites_;
};

}  // namespace shutterseal::registry
