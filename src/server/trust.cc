// SPDX-License-Identifier: Apache-2.0
#include "src/server/trust.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/file.h"

namespace shutterseal::server {

static constexpr std::size_t kLargestPem = 16 * 1024;

Signer signer_of(const envelope::Certificate& certificate) { return {envelope::trusted_signer(certificate), certificate.not_after}; }

std::vector<Signer> camera_signers(const registry::Registry& registry, const CameraId& id) {
  std::vector<Signer> signers;
  for (const auto& file : registry.signing_certificates(id)) {
    const auto certificate = envelope::Certificate::from_pem(file.content, file.path);
    if (certificate.common_name != id.account())
      throw Error(ErrorKind::data, "'" + file.path + "' is not a certificate of camera " + id.text());
    signers.push_back(signer_of(certificate));
  }
  return signers;
}

const std::vector<Signer>& SignerCache::of(const CameraId& id) {
  static const std::vector<Signer> kNone;
  const auto stamp = registry_.stamp(id);
  if (!stamp) {
    entries_.erase(id);
    return kNone;
  }
  const auto known = entries_.find(id);
  if (known != entries_.end() && known->second.stamp == *stamp) return known->second.signers;
  return entries_.insert_or_assign(id, Entry{*stamp, camera_signers(registry_, id)}).first->second.signers;
}

std::vector<envelope::TrustedSigner> keys_of(const std::vector<Signer>& signers) {
  std::vector<envelope::TrustedSigner> keys;
  for (const auto& signer : signers) keys.push_back(signer.key);
  return keys;
}

const Signer* find_signer(const std::vector<Signer>& signers, const Digest& certificate) {
  for (const auto& signer : signers)
    if (signer.key.certificate == certificate) return &signer;
  return nullptr;
}

std::vector<envelope::Certificate> read_certificates(const std::string& directory) {
  std::vector<envelope::Certificate> certificates;
  for (const auto& file : read_guarded_files(directory, ".pem", kLargestPem)) certificates.push_back(envelope::Certificate::from_pem(file.content, file.path));
  return certificates;
}

std::vector<Ski> skis_of(const std::vector<envelope::Certificate>& certificates) {
  std::vector<Ski> skis;
  for (const auto& certificate : certificates) skis.push_back(certificate.ski);
  return skis;
}

}  // namespace shutterseal::server
