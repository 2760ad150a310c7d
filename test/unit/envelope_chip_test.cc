// SPDX-License-Identifier: Apache-2.0
// A key that is not in this memory: what it signs is as good as any, and a chip that signs wrongly costs nothing.
#include <doctest/doctest.h>

#include "src/base/error.h"
#include "src/envelope/openssl.h"
#include "test/unit/envelope_world.h"

namespace shutterseal::envelope {

// Signs digests as a chip would; `signatures` counts.
struct Chip {
  PrivateKey key;
  int signatures = 0;
  bool broken = false;

  RawSignature sign(const Digest& digest) {
    ++signatures;
    const PkeyCtxPtr context(EVP_PKEY_CTX_new(key.impl().key.get(), nullptr));
    Bytes der(80);
    std::size_t size = der.size();
    REQUIRE(EVP_PKEY_sign_init(context.get()) == 1);
    REQUIRE(EVP_PKEY_sign(context.get(), der.data(), &size, digest.octets.data(), digest.octets.size()) == 1);
    auto raw = raw_of(ByteView(der).first(size));
    if (broken) raw[40] ^= 1;
    return raw;
  }
  PrivateKey handle() {
    return PrivateKey::in_hardware(key.public_point(), [this](const Digest& digest) { return sign(digest); });
  }
};

TEST_CASE("a picture that a chip signed is accepted and opens; the chip is asked twice and no more") {
  const TestWorld world;
  Chip chip{world.copy_of_camera_key()};
  const Sealer sealer(chip.handle(), world.camera, {world.custodian});
  const auto signer = world.signer();
  Judge judge;
  for (int i = 0; i < 40; ++i) {  // whatever sizes r and s have
    const auto picture = random_octets(40'000);
    const auto sealed = seal_test(sealer, test_passage(), picture);
    REQUIRE(sealed.digest == sha256(sealed.view()));
    const auto judged = judge.envelope(sealed.view(), "101", {&signer, 1}, {&world.custodian.ski, 1});
    REQUIRE(judged.verdict == Verdict::accepted);
    REQUIRE(open_envelope(sealed.view(), judged, signer, world.custodian_key).content == picture);
  }
  CHECK(chip.signatures == 80);
}

TEST_CASE("a signature that does not verify is an error, not an envelope") {
  const TestWorld world;
  Chip chip{world.copy_of_camera_key()};
  const Sealer sealer(chip.handle(), world.camera, {world.custodian});
  chip.broken = true;
  CHECK_THROWS_WITH_AS(static_cast<void>(seal_test(sealer, test_passage(), Bytes(100))), "the key's hardware gave a wrong signature", Error);
  Point nowhere{4};
  CHECK_THROWS_AS(static_cast<void>(PrivateKey::in_hardware(nowhere, {})), Error);
}

TEST_CASE("an SSH signature holds the same numbers in SSH's form, whether or not their first bit is set") {
  const auto key = PrivateKey::generate();
  const auto data = random_octets(100);
  std::size_t shortest = 1000, longest = 0;
  for (int i = 0; i < 200; ++i) {
    const auto blob = key.ssh_signature(data);
    shortest = std::min(shortest, blob.size());
    longest = std::max(longest, blob.size());
    REQUIRE(blob[23] == 0);  // the upper octet of the numbers' common length
    const std::size_t r_size = blob[4 + 19 + 4 + 3];
    const ByteView rest = ByteView(blob).subspan(4 + 19 + 4);
    const auto r = rest.subspan(4, r_size), s = rest.subspan(4 + r_size + 4);
    REQUIRE((r.front() != 0 || r[1] >= 0x80));
    REQUIRE(s.front() < 0x80);
    EcdsaSigPtr signature(ECDSA_SIG_new());
    ECDSA_SIG_set0(signature.get(), BN_bin2bn(r.data(), static_cast<int>(r.size()), nullptr), BN_bin2bn(s.data(), static_cast<int>(s.size()), nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(signature.get(), &der);
    CHECK(verify_signature(key.impl().key.get(), data, ByteView(der, static_cast<std::size_t>(size))));
    OPENSSL_free(der);
  }
  CHECK(shortest < longest);
}

}  // namespace shutterseal::envelope
