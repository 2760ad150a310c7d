// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/cipher.h"

#include <openssl/err.h>

#include <algorithm>

#include "src/base/error.h"

namespace shutterseal::envelope {

// The peer's point was checked when its key was made (public_key_of): a second check would cost more than the agreement.
static bool derive_shared(EVP_PKEY* own, EVP_PKEY* peer, ContentKey& shared) {
  const PkeyCtxPtr context(EVP_PKEY_CTX_new(own, nullptr));
  std::size_t size = shared.octets.size();
  require(context && EVP_PKEY_derive_init(context.get()) == 1, "agree on a key");
  const bool good = EVP_PKEY_derive_set_peer_ex(context.get(), peer, 0) == 1 &&
                    EVP_PKEY_derive(context.get(), shared.octets.data(), &size) == 1 && size == shared.octets.size();
  ERR_clear_error();
  return good;
}

// One block of the X9.63 KDF (SEC 1 section 3.6.1): SHA-256(Z || 1 || ECC-CMS-SharedInfo), RFC 5753 section 7.2 without ukm.
static void expand(const ContentKey& shared, ContentKey& out) {
  const Bytes counter{0, 0, 0, 1}, bits{0, 0, 1, 0};
  const auto wrap = der::sequence({der::oid({2, 16, 840, 1, 101, 3, 4, 1, 45})});
  const auto info = der::sequence({wrap, der::element(0xa2, {der::octets(bits)})});
  Sha256 hash;
  hash.update(shared.octets);
  hash.update(counter);
  hash.update(info);
  auto digest = hash.finish();
  out.octets = digest.octets;
  wipe(digest.octets.data(), digest.octets.size());
}

static CipherCtxPtr wrap_context(const ContentKey& kek, bool encrypt) {
  CipherCtxPtr context(EVP_CIPHER_CTX_new());
  require(context != nullptr, "wrap a key");
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  require(EVP_CipherInit_ex(context.get(), EVP_aes_256_wrap(), nullptr, kek.octets.data(), nullptr, encrypt ? 1 : 0) == 1, "wrap a key");
  return context;
}

Recipient wrap_for(EVP_PKEY* custodian, const Ski& ski, const ContentKey& key) {
  const PkeyPtr ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  ContentKey shared, kek;
  require(ephemeral && derive_shared(ephemeral.get(), custodian, shared), "agree on a key");
  expand(shared, kek);
  Recipient recipient;
  recipient.ski = ski;
  recipient.ephemeral = point_of(ephemeral.get());
  int size = 0;
  require(EVP_CipherUpdate(wrap_context(kek, true).get(), recipient.wrapped.data(), &size, key.octets.data(),
                           static_cast<int>(key.octets.size())) == 1 &&
              size == static_cast<int>(kWrappedKey),
          "wrap a key");
  return recipient;
}

bool unwrap(const Recipient& recipient, EVP_PKEY* custodian, ContentKey& key) {
  const auto peer = public_key_of(recipient.ephemeral);
  ContentKey shared, kek;
  if (!peer || !derive_shared(custodian, peer.get(), shared)) return false;
  expand(shared, kek);
  std::array<std::uint8_t, kWrappedKey + 8> out{};
  int size = 0;
  const bool good = EVP_CipherUpdate(wrap_context(kek, false).get(), out.data(), &size, recipient.wrapped.data(),
                                     static_cast<int>(recipient.wrapped.size())) == 1 &&
                    size == static_cast<int>(key.octets.size());
  if (good) std::copy_n(out.begin(), key.octets.size(), key.octets.begin());
  wipe(out.data(), out.size());
  ERR_clear_error();
  return good;
}

void encrypt_gcm(const ContentKey& key, ByteView nonce, std::span<std::uint8_t> text, std::span<std::uint8_t> tag) {
  const CipherCtxPtr context(EVP_CIPHER_CTX_new());
  int size = 0;
  require(context && EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.octets.data(), nonce.data()) == 1 &&
              EVP_EncryptUpdate(context.get(), text.data(), &size, text.data(), static_cast<int>(text.size())) == 1 &&
              size == static_cast<int>(text.size()) && EVP_EncryptFinal_ex(context.get(), text.data() + size, &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()), tag.data()) == 1,
          "encrypt");
}

bool decrypt_gcm(const ContentKey& key, ByteView nonce, ByteView text, ByteView tag, Bytes& out) {
  const CipherCtxPtr context(EVP_CIPHER_CTX_new());
  int size = 0;
  out.resize(text.size());
  require(context && EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.octets.data(), nonce.data()) == 1, "decrypt");
  const bool good = EVP_DecryptUpdate(context.get(), out.data(), &size, text.data(), static_cast<int>(text.size())) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()),
                                        const_cast<std::uint8_t*>(tag.data())) == 1 &&
                    EVP_DecryptFinal_ex(context.get(), out.data() + size, &size) == 1;
  ERR_clear_error();
  if (good) return true;
  wipe(out.data(), out.size());
  out.clear();
  return false;
}

}  // namespace shutterseal::envelope
