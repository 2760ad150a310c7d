// SPDX-License-Identifier: Apache-2.0
// Keys and certificates: P-256 and SHA-256, nothing else. No OpenSSL type shows here: libcrypto is used inside src/envelope alone.
// Source: RFC 5480 (keys), RFC 5958 and 8018 (encrypted PKCS#8, PBES2), RFC 5280 (certificates), RFC 5656 section 3.1 (SSH ecdsa keys).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/ids.h"
#include "src/base/secret.h"
#include "src/base/time.h"

namespace shutterseal::envelope {

// An uncompressed P-256 point, 04 || X || Y (SEC 1 section 2.3.3).
using Point = std::array<std::uint8_t, 65>;

[[nodiscard]] Digest sha256(ByteView bytes);
class Sha256 {  // incremental; finish() once
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(ByteView bytes);
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
[[nodiscard]] Bytes random_octets(std::size_t size);
[[nodiscard]] Ski ski_of(const Point& point);  // RFC 7093 section 2 (1): computed by us, never copied from a message

// r || s of an ECDSA signature on P-256, 32 octets each, the most significant first; s as it comes.
using RawSignature = std::array<std::uint8_t, 64>;
// Whoever holds a key that we cannot see signs a digest; throws Error when it cannot.
using DigestSigner = std::function<RawSignature(const Digest&)>;

// A P-256 private key: in memory (in OpenSSL's secure heap when that could be set up), or in a chip that signs for us. Move-only.
class PrivateKey {
 public:
  [[nodiscard]] static PrivateKey generate();
  // SECURITY: each signature is verified with `point` before it is given away: a chip that is broken, or another one than it was, must not
  // cost a picture whose original is deleted next. Error unavailable then; Error data when `point` is none.
  [[nodiscard]] static PrivateKey in_hardware(const Point& point, DigestSigner sign);
  // PEM, PKCS#8, encrypted or (empty passphrase allowed) plain. `name` stands in errors.
  // Error permission "wrong passphrase for 'NAME'", Error data for anything that is no P-256 private key.
  [[nodiscard]] static PrivateKey from_pem(ByteView pem, const Secret& passphrase, const std::string& name);
  // Encrypted PKCS#8: PBES2, PBKDF2-HMAC-SHA256 with 600,000 rounds, AES-256-CBC. An empty passphrase gives plain PKCS#8.
  // Never of a key in hardware.
  [[nodiscard]] Bytes to_pem(const Secret& passphrase) const;
  [[nodiscard]] Point public_point() const;
  // RFC 5656 sections 3.1 and 3.1.2, as SSH sends them: the public key; ECDSA with SHA-256 over `data`.
  [[nodiscard]] Bytes ssh_public_blob() const;
  [[nodiscard]] Bytes ssh_signature(ByteView data) const;
  [[nodiscard]] std::string ssh_public_key(std::string_view comment) const;  // "ecdsa-sha2-nistp256 AAAA… COMMENT"

  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;
  ~PrivateKey();
  struct Impl;
  [[nodiscard]] const Impl& impl() const { return *impl_; }  // for src/envelope alone
  explicit PrivateKey(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

enum class Role { authority, intermediate, camera, custodian, receipt };

// An X.509 certificate read from a file that we trust (registry, keys, a verified bundle) or from pinned bytes: what the rest of the
// program needs of it, as plain values. Decoding uses d2i_X509: never call it on bytes that nobody vouched for.
struct Certificate {
  Bytes der;
  Digest fingerprint;       // SHA-256 of der
  Point point{};
  Ski ski;                  // ski_of(point); from_der refuses a certificate whose extension says otherwise
  std::string common_name;  // a camera's: "cam-ID"
  TimeMs not_before = 0, not_after = 0;
  bool is_authority = false;     // basicConstraints CA, and no intermediate
  bool is_intermediate = false;  // CA with pathLenConstraint 0, issued by another: may re-certify, and never stand for the authority

  [[nodiscard]] static Certificate from_der(ByteView der, const std::string& name);  // Error data
  [[nodiscard]] static Certificate from_pem(ByteView pem, const std::string& name);  // the first CERTIFICATE block
  [[nodiscard]] static std::vector<Certificate> chain_from_pem(ByteView pem, const std::string& name);  // all blocks, 1 to 2; Error data
  [[nodiscard]] std::string to_pem() const;
  // Issued by `authority`: its signature over this one is good (time is not looked at).
  [[nodiscard]] bool is_signed_by(const Certificate& authority) const;
  // Issued by `intermediate`, which may re-certify. Whether `intermediate` is the authority's own is another question.
  [[nodiscard]] bool is_renewed_by(const Certificate& intermediate) const;
};

struct Issue {
  Role role = Role::camera;
  std::string common_name;
  Point subject{};
  TimeMs not_before = 0, not_after = 0;
};
// Extensions by role, such that stock `openssl cms -verify -CAfile authority.pem -certfile camera.pem` needs no further flag but -attime:
// intermediate: CA with pathlen 0, keyCertSign, cRLSign; camera and receipt: digitalSignature + nonRepudiation, extendedKeyUsage emailProtection; custodian: keyAgreement; authority: CA, keyCertSign, cRLSign.
// SKI in all, AKI in those issued by another, random 127-bit serial. `issuer` empty: self-signed (authority, receipt).
[[nodiscard]] Certificate issue_certificate(const Issue& order, const PrivateKey& issuer_key, const Certificate* issuer);

// PKCS#10 request (RFC 2986) of a camera: subject CN=cam-ID, the signing key, the SSH public key in an attribute (arc .3), and perhaps a
// challengePassword (RFC 2985 section 5.4.1): of a renewal the fingerprint of the certificate that is to be renewed, so that a request serves once.
struct Request {
  CameraId camera;
  Point signing_key{};
  std::string ssh_public_key;  // "ecdsa-sha2-nistp256 AAAA…" without a comment, normalised
  std::string challenge;       // empty: none; else 1 to 128 printable octets without a space
};
inline constexpr std::size_t kLargestRequest = 8192, kLongestChallenge = 128;
[[nodiscard]] Bytes make_request_pem(const CameraId& camera, const PrivateKey& signing_key, std::string_view ssh_public_key, std::string_view challenge = {});
// Received bytes: one strict template, then the self-signature. `reason` (one line) says why when there is no request:
// "unknown algorithm", "signature does not match", "not the one accepted form at octet N", …
struct RequestReading {
  std::optional<Request> request;
  std::string reason;
};
[[nodiscard]] RequestReading read_request_pem(ByteView pem);

// A certificate authority of the FTP server's TLS: any that libcurl can use, of any algorithm; only that it is one is checked here.
struct TlsAuthority {
  Bytes der;
  [[nodiscard]] static TlsAuthority from_pem(ByteView pem, const std::string& name);  // Error data: no certificate, or not of an authority
  [[nodiscard]] static std::optional<TlsAuthority> from_der(ByteView der);
  [[nodiscard]] std::string to_pem() const;
};
[[nodiscard]] std::string encode_base64(ByteView bytes);
[[nodiscard]] std::optional<Bytes> decode_base64(std::string_view text);  // canonical, at most 64 KiB of text

// Checks an SSH public key line for a camera: ecdsa-sha2-nistp256 on the curve, or ssh-ed25519. Gives it back normalised (no comment, no options).
[[nodiscard]] std::optional<std::string> normal_ssh_public_key(std::string_view line);
// "SHA256:…" as ssh-keygen -l prints it, of a line "TYPE BASE64 [COMMENT]": how bundles pin host keys. Nothing when it is no key line.
[[nodiscard]] std::optional<std::string> ssh_fingerprint(std::string_view line);

}  // namespace shutterseal::envelope
