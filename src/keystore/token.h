// SPDX-License-Identifier: Apache-2.0
// P-256 signing keys behind PKCS#11 (OASIS PKCS #11 v2.40; URIs of RFC 7512 read by p11-kit). Included inside src/keystore alone.
//
// SECURITY: the module named in the configuration is loaded, and no other that the system may have registered. A PIN is never tried when
// the token says that one more mistake locks it: a wrong passphrase in a crontab must not cost the key.
#pragma once

#include <memory>
#include <string>

#include "src/base/secret.h"
#include "src/envelope/keys.h"

namespace shutterseal::keystore {

class Module;  // a loaded library

// One key's place on one token. Logs in when first asked; after the token went away and came back, again.
class Token {
 public:
  Token(const std::string& module_path, std::string uri);
  ~Token();
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;

  [[nodiscard]] bool is_taken(const Secret& pin);
  [[nodiscard]] envelope::Point make(const Secret& pin);
  // Error permission when the key was ever, or may be, taken out of the token.
  [[nodiscard]] envelope::Point public_point(const Secret& pin);
  [[nodiscard]] envelope::RawSignature sign(const Secret& pin, const Digest& digest);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shutterseal::keystore
