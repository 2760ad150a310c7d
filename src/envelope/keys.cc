// SPDX-License-Identifier: Apache-2.0
#include "src/envelope/keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/envelope/openssl.h"

namespace shutterseal::envelope {

struct Sha256::State {
  MdCtxPtr context{EVP_MD_CTX_new()};
};
Sha256::Sha256() : state_(std::make_unique<State>()) {
  require(state_->context && EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1, "start a digest");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(ByteView bytes) { require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "digest"); }
Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(state_->context.get(), digest.octets.data(), nullptr) == 1, "digest");
  return digest;
}

Digest sha256(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Bytes random_octets(std::size_t size) {
  Bytes out(size);
  require(RAND_bytes(out.data(), static_cast<int>(size)) == 1, "draw random octets");
  return out;
}

Ski ski_of(const Point& point) { return *Ski::from_view(sha256(point).view().first(Ski::kSize)); }

// Private scalars are then kept in locked, guarded pages. Without the right to lock memory the ordinary heap has to do.
static void want_secure_heap() {
  static const int once = CRYPTO_secure_malloc_init(32768, 32);
  static_cast<void>(once);
}

PrivateKey::PrivateKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;
PrivateKey::~PrivateKey() = default;

static PrivateKey own(EVP_PKEY* key) {
  auto impl = std::make_unique<PrivateKey::Impl>();
  impl->key.reset(key);
  return PrivateKey(std::move(impl));
}

PrivateKey PrivateKey::generate() {
  want_secure_heap();
  auto* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  require(key != nullptr, "make a key");
  return own(key);
}

PrivateKey PrivateKey::in_hardware(const Point& point, DigestSigner sign) {
  auto impl = std::make_unique<Impl>();
  impl->key = public_key_of(point);
  impl->chip = std::move(sign);
  if (!impl->key) throw Error(ErrorKind::data, "the hardware's key is no point of P-256");
  return PrivateKey(std::move(impl));
}

static int give_passphrase(char* buffer, int size, int, void* secret) {
  const auto text = static_cast<const Secret*>(secret)->view();
  if (static_cast<std::size_t>(size) < text.size()) return -1;
  std::copy(text.begin(), text.end(), buffer);
  return static_cast<int>(text.size());
}

static BioPtr memory_bio(ByteView bytes) {
  BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  require(bio != nullptr, "read PEM");
  return bio;
}

PrivateKey PrivateKey::from_pem(ByteView pem, const Secret& passphrase, const std::string& name) {
  want_secure_heap();
  const auto shown = "'" + escape_untrusted(name, kLongestSubject) + "'";
  ERR_clear_error();
  auto* key = PEM_read_bio_PrivateKey(memory_bio(pem).get(), nullptr, give_passphrase, const_cast<Secret*>(&passphrase));
  ERR_clear_error();
  if (!key && as_text(pem).find("ENCRYPTED") != std::string_view::npos)
    throw Error(ErrorKind::permission, "wrong passphrase for " + shown);
  if (!key) throw Error(ErrorKind::data, shown + " holds no private key");
  auto owned = own(key);
  try {
    static_cast<void>(point_of(key));
  } catch (const Error&) {
    throw Error(ErrorKind::data, shown + " is not a P-256 key");
  }
  return owned;
}

static Bytes contents(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return Bytes(data, data + size);
}

using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freed<PKCS8_PRIV_KEY_INFO_free>>;
using SigPtr = std::unique_ptr<X509_SIG, Freed<X509_SIG_free>>;

// RFC 8018 PBES2. 600,000 rounds: OWASP's figure for PBKDF2-HMAC-SHA256; OpenSSL's default of 2,048 is no obstacle.
static SigPtr encrypt_pkcs8(PKCS8_PRIV_KEY_INFO* plain, const Secret& passphrase) {
  constexpr int kRounds = 600'000;
  auto* scheme = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), kRounds, nullptr, 16, nullptr, NID_hmacWithSHA256);
  require(scheme != nullptr, "encrypt a key");
  SigPtr sealed(PKCS8_set0_pbe(passphrase.view().data(), static_cast<int>(passphrase.view().size()), plain, scheme));
  if (!sealed) X509_ALGOR_free(scheme);
  require(sealed != nullptr, "encrypt a key");
  return sealed;
}

Bytes PrivateKey::to_pem(const Secret& passphrase) const {
  SHUTTERSEAL_BUG_UNLESS(!impl_->chip);
  const Pkcs8Ptr plain(EVP_PKEY2PKCS8(impl_->key.get()));
  const BioPtr out(BIO_new(BIO_s_secmem()));
  require(plain && out, "write a key");
  if (passphrase.empty())
    require(PEM_write_bio_PKCS8_PRIV_KEY_INFO(out.get(), plain.get()) == 1, "write a key");
  else
    require(PEM_write_bio_PKCS8(out.get(), encrypt_pkcs8(plain.get(), passphrase).get()) == 1, "write a key");
  return contents(out.get());
}

Point PrivateKey::public_point() const { return point_of(impl_->key.get()); }

std::string encode_base64(ByteView bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

// Canonical base64 alone: what it decodes to must encode to the same text.
std::optional<Bytes> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > 65536) return std::nullopt;
  Bytes out(text.size() / 4 * 3);
  const int size = EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - (text.ends_with("==") ? 2u : text.ends_with("=") ? 1u : 0u));
  return encode_base64(out) == text ? std::optional(out) : std::nullopt;
}

static void put_ssh_string(Bytes& out, ByteView value) {
  const auto size = static_cast<std::uint32_t>(value.size());
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(size >> shift));
  out.insert(out.end(), value.begin(), value.end());
}

// RFC 5656 section 3.1.
static Bytes ssh_ecdsa_blob(const Point& point) {
  Bytes blob;
  put_ssh_string(blob, as_bytes("ecdsa-sha2-nistp256"));
  put_ssh_string(blob, as_bytes("nistp256"));
  put_ssh_string(blob, point);
  return blob;
}

Bytes PrivateKey::ssh_public_blob() const { return ssh_ecdsa_blob(public_point()); }

// RFC 4251 section 5, mpint of a positive number: no leading zeros, but one where the first bit would be a sign.
static void put_ssh_number(Bytes& out, ByteView number) {
  while (!number.empty() && number.front() == 0) number = number.subspan(1);
  Bytes value(!number.empty() && number.front() >= 0x80 ? 1 : 0);
  value.insert(value.end(), number.begin(), number.end());
  put_ssh_string(out, value);
}

Bytes PrivateKey::ssh_signature(ByteView data) const {
  const auto raw = raw_of(sign_low_s(*this, data));
  Bytes numbers, blob;
  put_ssh_number(numbers, ByteView(raw).first(raw.size() / 2));
  put_ssh_number(numbers, ByteView(raw).last(raw.size() / 2));
  put_ssh_string(blob, as_bytes("ecdsa-sha2-nistp256"));
  put_ssh_string(blob, numbers);
  return blob;
}

std::string PrivateKey::ssh_public_key(std::string_view comment) const {
  const auto line = "ecdsa-sha2-nistp256 " + encode_base64(ssh_public_blob());
  return comment.empty() ? line : line + " " + std::string(comment);
}

static bool is_good_ssh_blob(std::string_view type, const Bytes& blob) {
  if (type == "ssh-ed25519") {
    Bytes expected;
    put_ssh_string(expected, as_bytes("ssh-ed25519"));
    constexpr std::size_t kKey = 4 + 32;
    return blob.size() == expected.size() + kKey && std::equal(expected.begin(), expected.end(), blob.begin()) &&
           blob[expected.size() + 3] == 32;
  }
  Point point{};
  if (type != "ecdsa-sha2-nistp256" || blob.size() < point.size()) return false;
  std::copy(blob.end() - static_cast<std::ptrdiff_t>(point.size()), blob.end(), point.begin());
  return blob == ssh_ecdsa_blob(point) && public_key_of(point) != nullptr;
}

static std::optional<std::pair<std::string_view, Bytes>> split_ssh_line(std::string_view line) {
  line = trim(line.substr(0, line.find('\n')));
  const auto words = split(line, ' ');
  if (words.size() < 2) return std::nullopt;
  auto blob = decode_base64(words[1]);
  if (!blob) return std::nullopt;
  return std::pair(words[0], std::move(*blob));
}

std::optional<std::string> normal_ssh_public_key(std::string_view line) {
  const auto parts = split_ssh_line(line);
  if (!parts || !is_good_ssh_blob(parts->first, parts->second)) return std::nullopt;
  return std::string(parts->first) + " " + encode_base64(parts->second);
}

std::optional<std::string> ssh_fingerprint(std::string_view line) {
  const auto parts = split_ssh_line(line);
  if (!parts) return std::nullopt;
  auto text = encode_base64(sha256(parts->second).view());
  text.resize(text.find('='));
  return "SHA256:" + text;
}

}  // namespace shutterseal::envelope
