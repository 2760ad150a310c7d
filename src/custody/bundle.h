// SPDX-License-Identifier: Apache-2.0
// Bundles: signed at once where the authority's key is, otherwise a draft that is signed elsewhere.
#pragma once

#include <optional>

#include "src/base/paths.h"
#include "src/custody/authority.h"
#include "src/registry/registry.h"

namespace shutterseal::custody {

struct BundleFile {
  Bytes octets;
  bool is_draft = false;
};
// From server.conf, custodians/, the receipt key's certificate and the camera's. `receipt_floor`: receipts with a number above it shall count again.
[[nodiscard]] BundleFile make_bundle(const ServerPaths& paths, const registry::Camera& camera, const envelope::Certificate& certificate,
                                     const Authority& authority, std::optional<std::uint64_t> receipt_floor = {});
[[nodiscard]] std::string next_step(const BundleFile& bundle, const std::string& file);

}  // namespace shutterseal::custody
