// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/crl.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "src/envelope/openssl.h"

namespace shutterseal::envelope {

using CrlPtr = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>>;
using GeneralizedTimePtr = std::unique_ptr<ASN1_GENERALIZEDTIME, Freed<ASN1_GENERALIZEDTIME_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Freed<ASN1_INTEGER_free>>;
using EnumeratedPtr = std::unique_ptr<ASN1_ENUMERATED, Freed<ASN1_ENUMERATED_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, Freed<X509_REVOKED_free>>;

static constexpr const char* kAction = "make a revocation list";

static TimePtr time_of(TimeMs time) {
  TimePtr made(ASN1_TIME_set(nullptr, time / 1000));
  require(made != nullptr, kAction);
  return made;
}

static void add_entry(X509_CRL* crl, const Revoked& revoked) {
  const auto certificate = decode_certificate(revoked.certificate.der);
  RevokedPtr entry(X509_REVOKED_new());
  const GeneralizedTimePtr invalid(ASN1_GENERALIZEDTIME_set(nullptr, revoked.invalid_since / 1000));
  const EnumeratedPtr reason(ASN1_ENUMERATED_new());
  require(certificate && entry && invalid && reason && ASN1_ENUMERATED_set(reason.get(), revoked.reason) == 1 &&
              X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(certificate.get())) == 1 &&
              X509_REVOKED_set_revocationDate(entry.get(), time_of(revoked.revoked_at).get()) == 1 &&
              (revoked.reason == 0 || X509_REVOKED_add1_ext_i2d(entry.get(), NID_crl_reason, reason.get(), 0, 0) == 1) &&
              X509_REVOKED_add1_ext_i2d(entry.get(), NID_invalidity_date, invalid.get(), 0, 0) == 1 && X509_CRL_add0_revoked(crl, entry.get()) == 1,
          kAction);
  static_cast<void>(entry.release());  // the list's own now
}

static void add_extensions(X509_CRL* crl, X509* authority, TimeMs now) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, authority, nullptr, nullptr, crl, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> issuer(
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
  const IntegerPtr number(ASN1_INTEGER_new());
  require(issuer && number && ASN1_INTEGER_set_int64(number.get(), now) == 1 && X509_CRL_add_ext(crl, issuer.get(), -1) == 1 &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, number.get(), 0, 0) == 1,
          kAction);
}

static std::string to_pem(X509_CRL* crl) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_X509_CRL(bio.get(), crl) == 1, kAction);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string issue_crl(const std::vector<Revoked>& revoked, TimeMs now, TimeMs next_update, const PrivateKey& key, const Certificate& authority) {
  const CrlPtr crl(X509_CRL_new());
  const auto issuer = decode_certificate(authority.der);
  require(crl && issuer && X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.get())) == 1 &&
              X509_CRL_set1_lastUpdate(crl.get(), time_of(now).get()) == 1 && X509_CRL_set1_nextUpdate(crl.get(), time_of(next_update).get()) == 1,
          kAction);
  for (const auto& one : revoked) add_entry(crl.get(), one);
  add_extensions(crl.get(), issuer.get(), now);
  require(X509_CRL_sort(crl.get()) == 1 && X509_CRL_sign(crl.get(), key.impl().key.get(), EVP_sha256()) > 0, kAction);
  return to_pem(crl.get());
}

}  // namespace shutterseal::envelope
