// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/openssl.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "src/base/error.h"

namespace shutterseal::envelope {

void throw_openssl(const char* action) {
  char text[160] = "no reason given";
  if (const auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  throw Error(ErrorKind::internal, std::string("cannot ") + action + ": " + text);
}

void require(bool success, const char* action) {
  if (!success) throw_openssl(action);
}

PkeyPtr public_key_of(const Point& point) {
  OSSL_PARAM params[3] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>("P-256"), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<std::uint8_t*>(point.data()), point.size()),
      OSSL_PARAM_construct_end()};
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    ERR_clear_error();
  PkeyPtr owned(key);
  const PkeyCtxPtr check(owned ? EVP_PKEY_CTX_new(owned.get(), nullptr) : nullptr);
  if (!check || EVP_PKEY_public_check(check.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return owned;
}

Point point_of(EVP_PKEY* key) {
  Point point{};
  std::size_t size = 0;
  char group[64] = "";
  if (EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) != 1 || std::string_view(group) != "prime256v1" ||
      EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1 ||
      EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) != 1 ||
      size != point.size()) {
    ERR_clear_error();
    throw Error(ErrorKind::data, "not a P-256 key");
  }
  return point;
}

// Replaces s by n - s when it is the larger one: of the two signatures that verify, an envelope may carry one.
static Bytes make_low_s(const BIGNUM* given_r, const BIGNUM* given_s) {
  const EcdsaSigPtr made(ECDSA_SIG_new());
  static const std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  require(made && group, "compute a signature");
  const BIGNUM* order = EC_GROUP_get0_order(group.get());
  BnPtr r(BN_dup(given_r)), s(BN_dup(given_s)), half(BN_new());
  require(r && s && half && BN_rshift1(half.get(), order) == 1, "compute a signature");
  if (BN_cmp(s.get(), half.get()) > 0) require(BN_sub(s.get(), order, s.get()) == 1, "compute a signature");
  require(ECDSA_SIG_set0(made.get(), r.release(), s.release()) == 1, "compute a signature");
  std::uint8_t* out = nullptr;
  const int size = i2d_ECDSA_SIG(made.get(), &out);
  require(size > 0, "write a signature");
  Bytes result(out, out + size);
  OPENSSL_free(out);
  return result;
}

static EcdsaSigPtr parse(ByteView signature) {
  const std::uint8_t* at = signature.data();
  EcdsaSigPtr parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())));
  require(parsed != nullptr, "read a signature");
  return parsed;
}

static Bytes sign_here(EVP_PKEY* key, ByteView data) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  Bytes signature(128);
  std::size_t size = signature.size();
  require(context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
              EVP_DigestSign(context.get(), signature.data(), &size, data.data(), data.size()) == 1,
          "sign");
  const auto parsed = parse(ByteView(signature).first(size));
  return make_low_s(ECDSA_SIG_get0_r(parsed.get()), ECDSA_SIG_get0_s(parsed.get()));
}

static Bytes sign_in_chip(const PrivateKey::Impl& key, ByteView data) {
  const auto raw = key.chip(sha256(data));
  constexpr int kHalf = sizeof raw / 2;
  const BnPtr r(BN_bin2bn(raw.data(), kHalf, nullptr)), s(BN_bin2bn(raw.data() + kHalf, kHalf, nullptr));
  require(r && s, "read a signature");
  auto signature = make_low_s(r.get(), s.get());
  if (!verify_signature(key.key.get(), data, signature)) throw Error(ErrorKind::unavailable, "the key's hardware gave a wrong signature");
  return signature;
}

Bytes sign_low_s(const PrivateKey& key, ByteView data) {
  const auto& impl = key.impl();
  return impl.chip ? sign_in_chip(impl, data) : sign_here(impl.key.get(), data);
}

RawSignature raw_of(ByteView der_signature) {
  const auto parsed = parse(der_signature);
  RawSignature raw;
  constexpr int kHalf = sizeof raw / 2;
  require(BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), raw.data(), kHalf) == kHalf &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), raw.data() + kHalf, kHalf) == kHalf,
          "read a signature");
  return raw;
}

Bytes sign_of_usual_size(const PrivateKey& key, ByteView data) {
  const int most_tries = key.impl().chip ? 1 : 4;
  auto signature = sign_low_s(key, data);
  for (int i = 1; i < most_tries && signature.size() != kUsualSignature; ++i) signature = sign_low_s(key, data);
  return signature;
}

bool verify_signature(EVP_PKEY* key, ByteView data, ByteView signature) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  require(context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1, "verify a signature");
  const bool good = EVP_DigestVerify(context.get(), signature.data(), signature.size(), data.data(), data.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace shutterseal::envelope
