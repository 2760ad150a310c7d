// SPDX-License-Identifier: Apache-2.0
// Whom this server believes: cameras' certificates from the registry, custodians' from custodians/*.pem. Everything here is read from
// files that only the administrator can write.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/envelope/envelope.h"
#include "src/registry/registry.h"

namespace shutterseal::server {

struct Signer {
  envelope::TrustedSigner key;
  TimeMs not_after = 0;
};
// All certificates that camera ID may have signed with. Where authority.pem lies beside the registry, as on every server, each must be the
// authority's, or an intermediate's for a key that the authority certified for the same camera; without it, the former are believed by their
// place. Error data names a file that is no certificate, another camera's, or does not count.
[[nodiscard]] std::vector<Signer> camera_signers(const registry::Registry& registry, const CameraId& id);
// The same, decoded once: read again whenever the camera's files change. Not enrolled: none. Not thread-safe.
class SignerCache {
 public:
  explicit SignerCache(const registry::Registry& registry) : registry_(registry) {}
  [[nodiscard]] const std::vector<Signer>& of(const CameraId& id);

 private:
  struct Entry {
    registry::Registry::Stamp stamp;
    std::vector<Signer> signers;
  };
  const registry::Registry& registry_;
  std::map<CameraId, Entry> entries_;
};
// The one that was issued last, of those that the authority itself signed, and of all. Error config: there is none.
struct Newest {
  envelope::Certificate certified;
  std::vector<envelope::Certificate> chain;  // one certificate, or a renewed one with its intermediate behind it
};
[[nodiscard]] Newest newest_certificates(const registry::Registry& registry, const CameraId& id);
[[nodiscard]] Signer signer_of(const envelope::Certificate& certificate);
[[nodiscard]] std::vector<envelope::TrustedSigner> keys_of(const std::vector<Signer>& signers);
// The signer that a judged envelope names; null when it was none of these.
[[nodiscard]] const Signer* find_signer(const std::vector<Signer>& signers, const Digest& certificate);

// Every *.pem of a directory, in name order.
[[nodiscard]] std::vector<envelope::Certificate> read_certificates(const std::string& directory);
[[nodiscard]] std::vector<Ski> skis_of(const std::vector<envelope::Certificate>& certificates);

}  // namespace shutterseal::server
