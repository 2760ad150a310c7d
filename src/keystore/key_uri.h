// SPDX-License-Identifier: Apache-2.0
// Where a private key lives: file:PATH (encrypted PKCS#8), handle:0x81000000 to 0x817fffff (a TPM's persistent handles of the owner: TCG
// Registry of Reserved TPM 2.0 Handles), or pkcs11:… (RFC 7512, the path part alone, naming one token and one object).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shutterseal::keystore {

enum class KeyPlace { file, tpm, token };

struct KeyUri {
  KeyPlace place = KeyPlace::file;
  std::string text;          // the whole URI; holds no secret, so it may stand in errors
  std::string path;          // of a file
  std::uint32_t handle = 0;  // of a TPM
};

// `reason` says what is wrong when there is no URI; it never repeats the text, which may hold somebody's PIN.
struct KeyUriReading {
  std::optional<KeyUri> uri;
  std::string reason;
};
// A path that no configuration chose (below --root): relative, or with spaces, as it may be.
[[nodiscard]] KeyUri file_key(const std::string& path);
[[nodiscard]] KeyUriReading parse_key_uri(std::string_view text);

}  // namespace shutterseal::keystore
