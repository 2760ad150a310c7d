// SPDX-License-Identifier: Apache-2.0
#include "src/server/trust.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/envelope/receipt.h"

namespace shutterseal::server {

static constexpr std::size_t kLargestPem = 16 * 1024;

Signer signer_of(const envelope::Certificate& certificate) { return {envelope::trusted_signer(certificate), certificate.not_after}; }

using Chain = std::vector<envelope::Certificate>;  // one, or a renewed one with its intermediate behind it

static std::optional<envelope::Certificate> authority_of(const registry::Registry& registry) {
  const auto path = registry.authority_file();
  if (!exists(path)) return std::nullopt;
  return envelope::Certificate::from_pem(read_guarded_file(path, kLargestPem, Secrecy::trusted), path);
}

// Without the authority's certificate the file that stands alone is believed by its place, and what was renewed still needs such a one.
static bool counts(const Chain& chain, const std::vector<Chain>& all, const std::optional<envelope::Certificate>& authority) {
  if (chain.size() == 1) return !authority || chain[0].is_signed_by(*authority);
  return std::any_of(all.begin(), all.end(), [&](const Chain& other) {
    if (other.size() != 1) return false;
    if (authority) return envelope::is_good_renewal(chain, other[0], *authority);
    return other[0].point == chain[0].point && chain[0].is_renewed_by(chain[1]);
  });
}

// A file that does not count stops its camera, like any other that is not what it must be: its drops wait, and somebody hears of it.
static std::vector<Chain> camera_chains(const registry::Registry& registry, const CameraId& id) {
  const auto refuse = [](const std::string& path, const std::string& why) { throw Error(ErrorKind::data, "'" + path + "' " + why); };
  const auto authority = authority_of(registry);
  const auto files = registry.signing_certificates(id);
  std::vector<Chain> chains;
  for (const auto& file : files) {
    chains.push_back(envelope::Certificate::chain_from_pem(file.content, file.path));
    if (chains.back()[0].common_name != id.account()) refuse(file.path, "is not a certificate of camera " + id.text());
  }
  for (std::size_t i = 0; i < chains.size(); ++i)
    if (!counts(chains[i], chains, authority)) refuse(files[i].path, "is neither by the authority nor renews one of camera " + id.text() + " that is");
  return chains;
}

std::vector<Signer> camera_signers(const registry::Registry& registry, const CameraId& id) {
  std::vector<Signer> signers;
  for (const auto& chain : camera_chains(registry, id)) signers.push_back(signer_of(chain[0]));
  return signers;
}

Newest newest_certificates(const registry::Registry& registry, const CameraId& id) {
  const auto chains = camera_chains(registry, id);
  const Chain *certified = nullptr, *newest = nullptr;
  const auto is_newer = [](const Chain& one, const Chain* than) { return !than || one[0].not_before > (*than)[0].not_before; };
  for (const auto& chain : chains) {
    if (chain.size() == 1 && is_newer(chain, certified)) certified = &chain;
    if (is_newer(chain, newest)) newest = &chain;
  }
  if (!certified) throw Error(ErrorKind::config, "camera " + id.text() + " has no certificate");
  return {certified->front(), *newest};
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
