// SPDX-License-Identifier: Apache-2.0
// Keys, certificates and one way to seal, for tests of envelopes.
#pragma once

#include <algorithm>

#include "src/envelope/envelope.h"
#include "src/envelope/receipt.h"

namespace shutterseal::envelope {

inline constexpr TimeMs kBegin = 1'700'000'000'000, kEnd = 2'000'000'000'000;

struct TestWorld {
  PrivateKey authority_key = PrivateKey::generate(), custodian_key = PrivateKey::generate(), camera_key = PrivateKey::generate();
  Certificate authority = issue_certificate({Role::authority, "authority", authority_key.public_point(), kBegin, kEnd}, authority_key, nullptr);
  Certificate custodian = make(Role::custodian, "custodian", custodian_key);
  Certificate camera = make(Role::camera, "cam-101", camera_key);

  Certificate make(Role role, const char* name, const PrivateKey& key) const {
    return issue_certificate({role, name, key.public_point(), kBegin, kEnd}, authority_key, &authority);
  }
  PrivateKey copy_of_camera_key() const { return PrivateKey::from_pem(camera_key.to_pem(Secret()), Secret(), "copy"); }
  Sealer sealer() const { return Sealer(copy_of_camera_key(), camera, {custodian}); }
  TrustedSigner signer() const { return trusted_signer(camera); }
};

inline Passage test_passage(std::uint64_t sequence = 1) {
  Passage passage;
  passage.camera = "101";
  passage.chain.octets.fill(7);
  passage.sequence = sequence;
  passage.sealed_at = 1'800'000'000'123;
  return passage;
}

inline Sealed seal_test(const Sealer& sealer, const Passage& passage, ByteView picture) {
  PictureBuffer buffer(picture.size(), sealer.recipients());
  std::copy(picture.begin(), picture.end(), buffer.content().begin());
  return sealer.seal(passage, {passage.camera, passage.chain, passage.sequence, "101_2026_11_23_10_11_12.jpg", 1'800'000'000'000, "image/jpeg"},
                     std::move(buffer));
}

}  // namespace shutterseal::envelope
