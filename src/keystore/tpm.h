// SPDX-License-Identifier: Apache-2.0
// P-256 signing keys at persistent handles of a TPM 2.0, over the TSS's Enhanced System API. Included inside src/keystore alone.
// Source: TCG TPM 2.0 Library, Part 3 (Create 12.1, Sign 20.2, EvictControl 28.5); TCG TSS 2.0 ESAPI.
//
// Nothing is left in the TPM by a process that dies: the key is persistent, and each command is authorised by the PIN alone, without a
// session that somebody would have to flush. (The PIN crosses the TPM's own bus in clear: SECURITY.md.)
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "src/base/secret.h"
#include "src/envelope/keys.h"

namespace shutterseal::keystore {

class Tpm {
 public:
  // One connection a process and TPM: a device without a resource manager lets in one at a time. Connects when first asked; after an
  // error of the line, again.
  [[nodiscard]] static std::shared_ptr<Tpm> at(const std::string& tcti);
  explicit Tpm(std::string tcti);
  ~Tpm();

  [[nodiscard]] bool is_taken(std::uint32_t handle);
  [[nodiscard]] envelope::Point make(std::uint32_t handle, const Secret& pin);
  // Error permission when the key could be elsewhere, too: not made inside this TPM, or not bound to it.
  [[nodiscard]] envelope::Point public_point(std::uint32_t handle);
  [[nodiscard]] envelope::RawSignature sign(std::uint32_t handle, const Secret& pin, const Digest& digest);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shutterseal::keystore
