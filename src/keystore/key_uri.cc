// SPDX-License-Identifier: Apache-2.0
#include "src/keystore/key_uri.h"

#include <algorithm>

#include "src/base/text.h"

namespace shutterseal::keystore {

static constexpr std::string_view kFile = "file:", kHandle = "handle:0x", kToken = "pkcs11:";
static constexpr std::uint32_t kFirstHandle = 0x81000000, kLastHandle = 0x817fffff;
static constexpr std::size_t kLongest = 1024;

static KeyUriReading refuse(const char* reason) { return {std::nullopt, reason}; }

static KeyUriReading read_file_uri(KeyUri uri) {
  uri.path = uri.text.substr(kFile.size());
  if (!uri.path.starts_with('/')) return refuse("needs an absolute path behind 'file:'");
  return {uri, {}};
}

static KeyUriReading read_handle(KeyUri uri) {
  uri.place = KeyPlace::tpm;
  const auto octets = from_hex(std::string_view(uri.text).substr(kHandle.size()), 4);
  if (octets)
    for (const auto one : *octets) uri.handle = uri.handle << 8 | one;
  if (uri.handle < kFirstHandle || uri.handle > kLastHandle) return refuse("needs a handle from 0x81000000 to 0x817fffff");
  return {uri, {}};
}

static bool names(std::string_view path, std::initializer_list<std::string_view> wanted) {
  const auto parts = split(path, ';');
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return std::any_of(wanted.begin(), wanted.end(), [&](std::string_view one) { return part.starts_with(one) && part.size() > one.size(); });
  });
}

// The query could hold a PIN, which would then stand in -T and in errors, or a library to load.
static KeyUriReading read_token_uri(KeyUri uri) {
  uri.place = KeyPlace::token;
  if (uri.text.find('?') != std::string::npos) return refuse("holds no query: the PIN is the passphrase, the library is 'pkcs11-module'");
  const auto path = std::string_view(uri.text).substr(kToken.size());
  if (!names(path, {"token=", "serial="}) || !names(path, {"object=", "id="})) return refuse("needs token= or serial=, and object= or id=");
  return {uri, {}};
}

KeyUri file_key(const std::string& path) {
  KeyUri uri;
  uri.text = std::string(kFile) + path;
  uri.path = path;
  return uri;
}

KeyUriReading parse_key_uri(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  KeyUri uri;
  uri.text = text;
  if (!plain || text.size() > kLongest) return refuse("is a URI without spaces");
  if (text.starts_with(kFile)) return read_file_uri(uri);
  if (text.starts_with(kHandle)) return read_handle(uri);
  if (text.starts_with(kToken)) return read_token_uri(uri);
  return refuse("is file:PATH, handle:0x81NNNNNN or pkcs11:token=T;object=O");
}

}  // namespace shutterseal::keystore
