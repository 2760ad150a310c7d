// SPDX-License-Identifier: Apache-2.0
// From a request that was read to a camera of this server: certificate, account, drop directory, registry, bundle.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "src/custody/authority.h"
#include "src/custody/bundle.h"
#include "src/registry/registry.h"

namespace shutterseal::custody {

// A key that two cameras share would make each able to speak as the other. Read once, for a thousand enrolments in a call.
class KnownKeys {
 public:
  explicit KnownKeys(const registry::Registry& registry);
  void take(const envelope::Request& request);  // Error data names the camera that has it

 private:
  std::map<std::string, CameraId, std::less<>> ssh_;
  std::map<envelope::Point, CameraId> signing_;
};

// What all enrolments of a call share. The authority's key is opened when it is made.
class Enrolment {
 public:
  explicit Enrolment(const config::Arguments& arguments);

  struct Checked {
    envelope::Request request;
    envelope::Certificate certificate;
  };
  // Everything that can be refused is refused here, before anything is made. With `file`, a certificate made elsewhere; else it is made here.
  [[nodiscard]] Checked check(const CameraId& id, envelope::Request request, const std::string& file);
  // The bundle, then account, drop directory, registry. `hand_out` has the bundle before anything else is made: where it fails, nobody is enrolled.
  BundleFile admit(const Checked& checked, const std::function<void(const BundleFile&)>& hand_out = {}) const;
  // Of a camera that is enrolled already, by a higher serial.
  [[nodiscard]] BundleFile bundle_again(const CameraId& id) const;

 private:
  const config::Arguments& arguments_;
  ServerPaths paths_;
  registry::Registry registry_;
  Authority authority_;
  std::optional<KnownKeys> known_;  // read at the first check, behind every question to a person: who was enrolled meanwhile is known
};

}  // namespace shutterseal::custody
