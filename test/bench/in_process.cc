// SPDX-License-Identifier: Apache-2.0
// In-process figures: sealing and verifying against the cryptography that they cannot do without, and peak memory. Each figure is a ratio
// inside one run: candidate and floor alternate, five rounds, medians. Prints "NAME RATIO DETAIL" lines.
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "src/envelope/envelope.h"

namespace {

using namespace shutterseal;
using namespace shutterseal::envelope;

double seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct World {
  PrivateKey authority_key = PrivateKey::generate();
  PrivateKey custodian_key = PrivateKey::generate();
  PrivateKey camera_key = PrivateKey::generate();
  Certificate authority = issue(Role::authority, "authority", authority_key, nullptr);
  Certificate custodian = issue(Role::custodian, "custodian", custodian_key, &authority);
  Certificate camera = issue(Role::camera, "cam-101", camera_key, &authority);

  Certificate issue(Role role, const char* name, const PrivateKey& key, const Certificate* issuer) {
    return issue_certificate({role, name, key.public_point(), 1'700'000'000'000, 2'000'000'000'000}, issuer ? authority_key : key, issuer);
  }
  static Passage passage() {
    Passage passage;
    passage.camera = "101";
    passage.sequence = 1;
    passage.sealed_at = 1'800'000'000'123;
    return passage;
  }
  static Capture capture() { return {"101", {}, 1, "101_2026_11_23_10_11_12.jpg", 1'800'000'000'000, "image/jpeg"}; }
};

Sealed seal_once(const Sealer& sealer, ByteView picture) {
  PictureBuffer buffer(picture.size(), sealer.recipients());
  std::copy(picture.begin(), picture.end(), buffer.content().begin());
  return sealer.seal(World::passage(), World::capture(), std::move(buffer));
}

// The floor: what any sealing of this form must compute, with the same library, and nothing else.
class Floor {
 public:
  Floor() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")), peer_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")) {
    std::size_t size = sizeof signature_;
    std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key_, nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY_sign_init(context.get());
    EVP_PKEY_sign(context.get(), signature_, &size, digest_, sizeof digest_);
    signature_size_ = size;
  }
  ~Floor() {
    EVP_PKEY_free(key_);
    EVP_PKEY_free(peer_);
  }
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;
  void hash(ByteView bytes) { EVP_Digest(bytes.data(), bytes.size(), digest_, nullptr, EVP_sha256(), nullptr); }
  void sign() {
    std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key_, nullptr), EVP_PKEY_CTX_free);
    unsigned char signature[80];
    std::size_t size = sizeof signature;
    EVP_PKEY_sign_init(context.get());
    EVP_PKEY_sign(context.get(), signature, &size, digest_, sizeof digest_);
  }
  void verify() {
    std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key_, nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY_verify_init(context.get());
    EVP_PKEY_verify(context.get(), signature_, signature_size_, digest_, sizeof digest_);
  }
  void agree() {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
    std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(ephemeral.get(), nullptr), EVP_PKEY_CTX_free);
    unsigned char secret[32];
    std::size_t size = sizeof secret;
    EVP_PKEY_derive_init(context.get());
    EVP_PKEY_derive_set_peer(context.get(), peer_);
    EVP_PKEY_derive(context.get(), secret, &size);
  }
  void encrypt(std::span<std::uint8_t> bytes) {
    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    unsigned char key[32] = {}, nonce[12] = {}, tag[16];
    int size = 0;
    EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key, nonce);
    EVP_EncryptUpdate(context.get(), bytes.data(), &size, bytes.data(), static_cast<int>(bytes.size()));
    EVP_EncryptFinal_ex(context.get(), bytes.data(), &size);
    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag);
  }
  void seal(std::span<std::uint8_t> bytes) {
    hash(bytes);
    sign();
    agree();
    encrypt(bytes);
    hash(bytes);
    sign();
  }

 private:
  EVP_PKEY *key_, *peer_;
  unsigned char digest_[32] = {1}, signature_[80];
  std::size_t signature_size_ = 0;
};

void report(const char* name, const std::function<void()>& candidate, const std::function<void()>& floor, int count) {
  std::vector<double> ratios, ours;
  for (int round = 0; round < 5; ++round) {
    const auto mine = seconds([&] { for (int i = 0; i < count; ++i) candidate(); });
    const auto theirs = seconds([&] { for (int i = 0; i < count; ++i) floor(); });
    ratios.push_back(mine / theirs);
    ours.push_back(mine / count);
  }
  std::printf("%s %.3f %.3f ms each\n", name, median(ratios), median(ours) * 1000);
}

// proc(5): writing 5 to clear_refs sets VmHWM back to what is resident now.
void reset_peak() {
  if (auto* file = std::fopen("/proc/self/clear_refs", "w")) {
    std::fputs("5", file);
    std::fclose(file);
  }
}

double peak_octets() {
  double kibi = 0;
  if (auto* file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file))
      if (std::sscanf(line, "VmHWM: %lf kB", &kibi) == 1) break;
    std::fclose(file);
  }
  return kibi * 1024;
}

void report_memory(const char* name, std::size_t size) {
  std::fflush(stdout);
  const auto child = ::fork();
  if (child == 0) {
    World world;
    const Sealer sealer(std::move(world.camera_key), world.camera, {world.custodian});
    static_cast<void>(seal_once(sealer, Bytes(1000, 7)));
    reset_peak();
    const auto before = peak_octets();
    {
      PictureBuffer buffer(size, sealer.recipients());
      std::fill(buffer.content().begin(), buffer.content().end(), std::uint8_t{7});
      static_cast<void>(sealer.seal(World::passage(), World::capture(), std::move(buffer)));
    }
    const auto grown = peak_octets() - before;
    std::printf("%s %.3f peak grew by %.1f MiB for a picture of %.1f MiB\n", name, grown / static_cast<double>(size), grown / 1048576,
                static_cast<double>(size) / 1048576);
    std::fflush(stdout);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

}  // namespace

int main() {
  // First: a heap that was large once would hide what a picture needs.
  report_memory("seal-2m-memory", 2'000'000);
  report_memory("seal-10m-memory", 10'000'000);
  World world;
  Floor floor;
  const TrustedSigner signer = trusted_signer(world.camera);
  const Ski custodian = world.custodian.ski;
  const Sealer sealer(std::move(world.camera_key), world.camera, {world.custodian});
  const struct {
    const char* name;
    std::size_t size;
    int count;
  } sizes[] = {{"seal-200k", 200'000, 200}, {"seal-2m", 2'000'000, 30}, {"seal-10m", 10'000'000, 8}};
  for (const auto& one : sizes) {
    Bytes picture(one.size, 0x5a);
    report(one.name, [&] { static_cast<void>(seal_once(sealer, picture)); }, [&] { floor.seal(picture); }, one.count);
  }
  Bytes picture(200'000, 0x5a);
  const auto sealed = seal_once(sealer, picture);
  Judge judge(kLargestContent, Naming::skip);
  report("verify-200k",
         [&] {
           if (judge.envelope(sealed.view(), "101", {&signer, 1}, {&custodian, 1}).verdict != Verdict::accepted) std::abort();
         },
         [&] {
           floor.hash(sealed.view());
           floor.verify();
         },
         300);
  return 0;
}
