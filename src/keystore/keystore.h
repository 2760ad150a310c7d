// SPDX-License-Identifier: Apache-2.0
// A camera's private keys, wherever they live: made there, opened there, used there. A key in hardware never leaves it; what is given out
// is a PrivateKey that asks the chip for each signature (envelope/keys.h).
//
// Errors, one line each: permission (wrong PIN or passphrase, a token locked against guessing, a key that its hardware would give away),
// temporary (a TPM in lockout, which ends by itself), no_input (no such key), unavailable (no such TPM or token, or it does not answer),
// cannot_create (the place is taken).
#pragma once

#include <string>

#include "src/base/secret.h"
#include "src/envelope/keys.h"
#include "src/keystore/key_uri.h"

namespace shutterseal::keystore {

struct Hardware {
  std::string tpm;            // how to reach it, a TCTI of tpm2-tss: "device:/dev/tpmrm0"
  std::string pkcs11_module;  // the library of the token, an absolute path
};

// The libraries behind this one write their own lines to stderr, where one of ours belongs. Once, before any thread.
void quiet_libraries();

[[nodiscard]] bool is_taken(const KeyUri& uri, const Hardware& hardware, const Secret& pin);
// A fresh P-256 key. In a file: encrypted with `pin`, 0600, replacing what is there. In hardware: made inside, never exportable, for `pin`;
// a place that is taken is an Error.
[[nodiscard]] envelope::PrivateKey make_key(const KeyUri& uri, const Hardware& hardware, const Secret& pin);
[[nodiscard]] envelope::PrivateKey open_key(const KeyUri& uri, const Hardware& hardware, const Secret& pin);

}  // namespace shutterseal::keystore
