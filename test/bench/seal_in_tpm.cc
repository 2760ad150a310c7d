// SPDX-License-Identifier: Apache-2.0
// usage: seal_in_tpm TCTI: seals pictures of 200 KB with a fresh key at a handle of that TPM, and with a key in memory, in turn. Prints the
// median time of each, in milliseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "src/keystore/keystore.h"
#include "test/unit/envelope_world.h"

using namespace shutterseal;
using namespace shutterseal::envelope;

static constexpr int kPictures = 200;

static double seal_ms(const Sealer& sealer, ByteView picture) {
  const auto start = std::chrono::steady_clock::now();
  static_cast<void>(seal_test(sealer, test_passage(), picture));
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int main(int, char** argv) {
  const keystore::Hardware hardware{argv[1], {}};
  const auto uri = *keystore::parse_key_uri("handle:0x81000010").uri;
  const TestWorld world;
  auto key = keystore::make_key(uri, hardware, Secret("1234"));
  const auto certificate = world.make(Role::camera, "cam-101", key);
  const Sealer in_tpm(std::move(key), certificate, {world.custodian});
  const auto in_memory = world.sealer();
  const Bytes picture(200'000, 0x5a);
  std::vector<double> ours, plain;
  for (int i = 0; i < kPictures; ++i) {
    ours.push_back(seal_ms(in_tpm, picture));
    plain.push_back(seal_ms(in_memory, picture));
  }
  std::printf("%.3f %.3f\n", median(ours), median(plain));
  return 0;
}
