// SPDX-License-Identifier: Apache-2.0
// Owners of OpenSSL's objects, and its failures as Errors. Included inside src/envelope alone.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "src/envelope/keys.h"

namespace shutterseal::envelope {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using BnPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

struct PrivateKey::Impl {
  PkeyPtr key;  // of a key in hardware: its public half
  DigestSigner chip;
};

// Error internal with the drained queue's first reason. The queue is never the judge of success: only return values are.
[[noreturn]] void throw_openssl(const char* action);
void require(bool success, const char* action);
// d2i_X509, nothing behind it: null when it is none. Of bytes that somebody vouched for.
[[nodiscard]] X509Ptr decode_certificate(ByteView der);
// Nothing when the octets are no point of the curve.
[[nodiscard]] PkeyPtr public_key_of(const Point& point);
[[nodiscard]] Point point_of(EVP_PKEY* key);  // Error data when it is no P-256 key
// ECDSA over `data` with SHA-256, low-s, as DER.
[[nodiscard]] Bytes sign_low_s(const PrivateKey& key, ByteView data);
[[nodiscard]] RawSignature raw_of(ByteView der_signature);  // of one that sign_low_s made
// The same, tried again until it has the usual size, whose r needs no padding: about every second does. After four tries, whatever it is.
// What r is stands in the signature anyway, so choosing by it tells nothing about the key. A chip is asked once: it takes milliseconds.
inline constexpr std::size_t kUsualSignature = 70;
[[nodiscard]] Bytes sign_of_usual_size(const PrivateKey& key, ByteView data);
[[nodiscard]] bool verify_signature(EVP_PKEY* key, ByteView data, ByteView signature);

}  // namespace shutterseal::envelope
