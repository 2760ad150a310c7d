// SPDX-License-Identifier: Apache-2.0
#include "src/keystore/keystore.h"

#include <cstdlib>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/keystore/token.h"
#include "src/keystore/tpm.h"

namespace shutterseal::keystore {

using envelope::PrivateKey;

static constexpr std::size_t kLargestKeyFile = 16 * 1024;

void quiet_libraries() {
  // An administrator who looks for a fault may have set it already.
  if (::setenv("TSS2_LOG", "all+NONE", 0) != 0) throw_errno("cannot set", "TSS2_LOG");
}

// A signer is copied with its std::function, a PIN and a session are not: hence shared.
struct TpmKey {
  TpmKey(std::shared_ptr<Tpm> device, std::uint32_t number, const Secret& secret) : tpm(std::move(device)), handle(number), pin(secret.view()) {}
  std::shared_ptr<Tpm> tpm;
  std::uint32_t handle;
  Secret pin;
};
struct TokenKey {
  TokenKey(const std::string& module, const std::string& uri, const Secret& secret) : token(module, uri), pin(secret.view()) {}
  Token token;
  Secret pin;
};

static PrivateKey signer_in(std::shared_ptr<TpmKey> key, const envelope::Point& point) {
  return PrivateKey::in_hardware(point, [key = std::move(key)](const Digest& digest) { return key->tpm->sign(key->handle, key->pin, digest); });
}

static PrivateKey signer_in(std::shared_ptr<TokenKey> key, const envelope::Point& point) {
  return PrivateKey::in_hardware(point, [key = std::move(key)](const Digest& digest) { return key->token.sign(key->pin, digest); });
}

static std::shared_ptr<TpmKey> tpm_key(const KeyUri& uri, const Hardware& hardware, const Secret& pin) {
  return std::make_shared<TpmKey>(Tpm::at(hardware.tpm), uri.handle, pin);
}

static std::shared_ptr<TokenKey> token_key(const KeyUri& uri, const Hardware& hardware, const Secret& pin) {
  if (hardware.pkcs11_module.empty()) throw Error(ErrorKind::config, "a key at pkcs11: needs 'pkcs11-module'");
  return std::make_shared<TokenKey>(hardware.pkcs11_module, uri.text, pin);
}

bool is_taken(const KeyUri& uri, const Hardware& hardware, const Secret& pin) {
  switch (uri.place) {
    case KeyPlace::tpm: return Tpm::at(hardware.tpm)->is_taken(uri.handle);
    case KeyPlace::token: return token_key(uri, hardware, pin)->token.is_taken(pin);
    case KeyPlace::file: break;
  }
  return exists(uri.path);
}

static PrivateKey make_file(const KeyUri& uri, const Secret& passphrase) {
  auto key = PrivateKey::generate();
  auto pem = key.to_pem(passphrase);
  replace_file(uri.path, pem, 0600);
  return key;
}

static PrivateKey open_file(const KeyUri& uri, const Secret& passphrase) {
  return PrivateKey::from_pem(read_guarded_file(uri.path, kLargestKeyFile, Secrecy::secret), passphrase, uri.path);
}

PrivateKey make_key(const KeyUri& uri, const Hardware& hardware, const Secret& pin) {
  if (uri.place == KeyPlace::file) return make_file(uri, pin);
  if (is_taken(uri, hardware, pin)) throw Error(ErrorKind::cannot_create, uri.text + " is taken: a key that exists is never replaced");
  if (uri.place == KeyPlace::tpm) {
    auto key = tpm_key(uri, hardware, pin);
    const auto point = key->tpm->make(key->handle, key->pin);
    return signer_in(std::move(key), point);
  }
  auto key = token_key(uri, hardware, pin);
  const auto point = key->token.make(key->pin);
  return signer_in(std::move(key), point);
}

PrivateKey open_key(const KeyUri& uri, const Hardware& hardware, const Secret& pin) {
  if (uri.place == KeyPlace::file) return open_file(uri, pin);
  if (uri.place == KeyPlace::tpm) {
    auto key = tpm_key(uri, hardware, pin);
    const auto point = key->tpm->public_point(key->handle);
    // A wrong PIN must end the program now: tried again with each picture it would lock the TPM. No text has this digest.
    static_cast<void>(key->tpm->sign(key->handle, key->pin, Digest{}));
    return signer_in(std::move(key), point);
  }
  auto key = token_key(uri, hardware, pin);
  const auto point = key->token.public_point(key->pin);
  return signer_in(std::move(key), point);
}

}  // namespace shutterseal::keystore
