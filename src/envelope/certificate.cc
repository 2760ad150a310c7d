// SPDX-License-Identifier: Apache-2.0
// X.509 certificates (RFC 5280): reading those that somebody vouched for, and issuing ours.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/envelope/openssl.h"

namespace shutterseal::envelope {

static TimeMs to_ms(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) throw Error(ErrorKind::data, "a certificate with an unreadable time");
  return static_cast<TimeMs>(timegm(&parts)) * 1000;
}

static std::string common_name(const X509* certificate) {
  char name[128] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return name;
}

X509Ptr decode_certificate(ByteView der) {
  const std::uint8_t* at = der.data();
  X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (certificate && at != der.data() + der.size()) certificate.reset();
  ERR_clear_error();
  return certificate;
}

static void fill(Certificate& out, X509* certificate) {
  auto* key = X509_get0_pubkey(certificate);
  if (!key) throw Error(ErrorKind::data, "no public key");
  out.point = point_of(key);
  out.ski = ski_of(out.point);
  // CMS names signers by this extension: one that differs from ours would let two certificates answer to one name.
  const auto* named = X509_get0_subject_key_id(certificate);
  const auto stated = named ? Ski::from_view({ASN1_STRING_get0_data(named), static_cast<std::size_t>(ASN1_STRING_length(named))}) : std::nullopt;
  if (!stated || *stated != out.ski) throw Error(ErrorKind::data, "its subject key identifier is not that of its key");
  out.common_name = common_name(certificate);
  out.not_before = to_ms(X509_get0_notBefore(certificate));
  out.not_after = to_ms(X509_get0_notAfter(certificate));
  const bool is_ca = X509_check_ca(certificate) == 1;
  const bool is_own = X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
  out.is_intermediate = is_ca && !is_own && X509_get_pathlen(certificate) == 0;
  out.is_authority = is_ca && !out.is_intermediate;
}

Certificate Certificate::from_der(ByteView der, const std::string& name) {
  const auto certificate = decode_certificate(der);
  const auto shown = "'" + escape_untrusted(name, kLongestSubject) + "'";
  if (!certificate) throw Error(ErrorKind::data, shown + " is not a certificate");
  Certificate out;
  out.der.assign(der.begin(), der.end());
  out.fingerprint = sha256(der);
  try {
    fill(out, certificate.get());
  } catch (const Error& error) {
    throw Error(ErrorKind::data, shown + " cannot be used: " + error.what());
  }
  return out;
}

static Bytes to_der(X509* certificate) {
  std::uint8_t* out = nullptr;
  const int size = i2d_X509(certificate, &out);
  require(size > 0, "write a certificate");
  Bytes der(out, out + size);
  OPENSSL_free(out);
  return der;
}

static Bytes der_of_pem(ByteView pem, const std::string& name) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  require(bio != nullptr, "read PEM");
  const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) throw Error(ErrorKind::data, "'" + escape_untrusted(name, kLongestSubject) + "' holds no certificate");
  return to_der(certificate.get());
}

Certificate Certificate::from_pem(ByteView pem, const std::string& name) { return from_der(der_of_pem(pem, name), name); }

std::vector<Certificate> Certificate::chain_from_pem(ByteView pem, const std::string& name) {
  static constexpr std::size_t kMost = 2;
  std::vector<Certificate> chain{from_pem(pem, name)};
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  require(bio != nullptr, "read PEM");
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  while (certificate && (certificate.reset(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)), certificate)) {
    if (chain.size() == kMost) throw Error(ErrorKind::data, "'" + escape_untrusted(name, kLongestSubject) + "' holds more than two certificates");
    chain.push_back(from_der(to_der(certificate.get()), name));
  }
  ERR_clear_error();
  return chain;
}

TlsAuthority TlsAuthority::from_pem(ByteView pem, const std::string& name) {
  auto authority = from_der(der_of_pem(pem, name));
  if (!authority) throw Error(ErrorKind::data, "'" + escape_untrusted(name, kLongestSubject) + "' is no certificate of an authority");
  return std::move(*authority);
}

std::optional<TlsAuthority> TlsAuthority::from_der(ByteView der) {
  const auto certificate = decode_certificate(der);
  const bool is_authority = certificate && X509_check_ca(certificate.get()) == 1;
  ERR_clear_error();
  if (!is_authority) return std::nullopt;
  return TlsAuthority{Bytes(der.begin(), der.end())};
}

static std::string pem_of(ByteView der) {
  const auto body = encode_base64(der);
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < body.size(); at += 64) out += body.substr(at, 64) + "\n";
  return out + "-----END CERTIFICATE-----\n";
}

std::string TlsAuthority::to_pem() const { return pem_of(der); }
std::string Certificate::to_pem() const { return pem_of(der); }

static bool verifies_with(ByteView der, const Point& issuer) {
  const auto certificate = decode_certificate(der);
  const auto key = public_key_of(issuer);
  const bool good = certificate && key && X509_verify(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return good;
}

bool Certificate::is_signed_by(const Certificate& authority) const { return authority.is_authority && verifies_with(der, authority.point); }
bool Certificate::is_renewed_by(const Certificate& intermediate) const {
  return intermediate.is_intermediate && !is_authority && !is_intermediate && verifies_with(der, intermediate.point);
}

// ---- issuing ----------------------------------------------------------------------------------------------------------------

static void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "make a certificate");
}

static void add_key_identifier(X509* certificate, const Ski& ski) {
  const std::unique_ptr<ASN1_OCTET_STRING, Freed<ASN1_OCTET_STRING_free>> value(ASN1_OCTET_STRING_new());
  require(value && ASN1_OCTET_STRING_set(value.get(), ski.octets.data(), static_cast<int>(Ski::kSize)) == 1 &&
              X509_add1_ext_i2d(certificate, NID_subject_key_identifier, value.get(), 0, 0) == 1,
          "make a certificate");
}

static void add_role(X509* certificate, X509* issuer, Role role) {
  const char* constraints = role == Role::authority      ? "critical,CA:TRUE"
                            : role == Role::intermediate ? "critical,CA:TRUE,pathlen:0"
                                                         : "critical,CA:FALSE";
  add_extension(certificate, issuer, NID_basic_constraints, constraints);
  switch (role) {
    case Role::intermediate: return add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    case Role::authority: return add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
    case Role::custodian: return add_extension(certificate, issuer, NID_key_usage, "critical,keyAgreement");
    case Role::camera:
    case Role::receipt:
      add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature,nonRepudiation");
      add_extension(certificate, issuer, NID_ext_key_usage, "emailProtection");  // what `openssl cms -verify` asks of a signer
  }
}

static void set_name(X509_NAME* name, const std::string& text) {
  require(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, reinterpret_cast<const std::uint8_t*>(text.data()),
                                     static_cast<int>(text.size()), -1, 0) == 1,
          "make a certificate");
}

static void set_serial_and_times(X509* certificate, const Issue& order) {
  auto serial = random_octets(16);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);  // positive, and never short: RFC 5280 section 4.1.2.2
  const BnPtr number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  require(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) &&
              ASN1_TIME_set(X509_getm_notBefore(certificate), order.not_before / 1000) &&
              ASN1_TIME_set(X509_getm_notAfter(certificate), order.not_after / 1000) && X509_set_version(certificate, X509_VERSION_3) == 1,
          "make a certificate");
}

Certificate issue_certificate(const Issue& order, const PrivateKey& issuer_key, const Certificate* issuer) {
  const X509Ptr certificate(X509_new());
  const auto subject_key = public_key_of(order.subject);
  const X509Ptr parent(issuer ? decode_certificate(issuer->der) : nullptr);
  require(certificate && subject_key && X509_set_pubkey(certificate.get(), subject_key.get()) == 1, "make a certificate");
  set_serial_and_times(certificate.get(), order);
  set_name(X509_get_subject_name(certificate.get()), order.common_name);
  require(X509_set_issuer_name(certificate.get(), X509_get_subject_name(parent ? parent.get() : certificate.get())) == 1,
          "make a certificate");
  auto* signing = parent ? parent.get() : certificate.get();
  add_role(certificate.get(), signing, order.role);
  add_key_identifier(certificate.get(), ski_of(order.subject));
  if (parent) add_extension(certificate.get(), signing, NID_authority_key_identifier, "keyid:always");
  require(X509_sign(certificate.get(), issuer_key.impl().key.get(), EVP_sha256()) > 0, "sign a certificate");
  return Certificate::from_der(to_der(certificate.get()), order.common_name);
}

}  // namespace shutterseal::envelope
