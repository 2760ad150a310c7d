// SPDX-License-Identifier: Apache-2.0
#include "src/registry/password.h"

#include <crypt.h>
#include <sys/random.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal::registry {

static constexpr const char* kMethod = "$y$";
// The parameters that hash_password() uses, with a salt of its own: nobody's hash, and as dear as everybody's.
static constexpr const char* kNobody = "$y$j9T$shutterseal.nobody.$";

// crypt's workspace holds traces of the password: wiped, not just freed.
struct Workspace {
  Workspace() : data(std::make_unique<crypt_data>()) {}
  ~Workspace() { wipe(data.get(), sizeof *data); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  std::unique_ptr<crypt_data> data;
};

// Nothing: crypt(3) refuses the setting.
static std::optional<std::string> hash_with(const Secret& password, const char* setting) {
  Workspace workspace;
  const char* hash = ::crypt_r(password.c_str(), setting, workspace.data.get());
  if (!hash || hash[0] == '*') return std::nullopt;
  return hash;
}

bool is_acceptable_password(std::string_view password) noexcept {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !password.empty() && password.size() <= kLongestPassword && is_utf8(password) &&
         std::none_of(password.begin(), password.end(), is_control);
}

std::string hash_password(const Secret& password) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE] = {};
  if (!::crypt_gensalt_rn(kMethod, 0, nullptr, 0, setting, sizeof setting)) throw_errno("cannot make", "a salt");
  auto hash = hash_with(password, setting);
  if (!hash) throw Error(ErrorKind::internal, "crypt(3) does not know yescrypt");
  return std::move(*hash);
}

static bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

bool password_matches(const Secret& password, const std::string& hash) {
  if (hash.starts_with(kMethod))
    if (const auto computed = hash_with(password, hash.c_str())) return equal_in_constant_time(*computed, hash);
  static_cast<void>(hash_with(password, kNobody));
  return false;
}

Secret random_password() {
  static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
  unsigned char random[32] = {};
  if (::getrandom(random, sizeof random, 0) != sizeof random) throw_errno("cannot read", "random octets");
  std::string text;
  for (const auto octet : random) text += kLetters[octet % kLetters.size()];
  Secret secret(text);
  wipe(text.data(), text.size());
  wipe(random, sizeof random);
  return secret;
}

}  // namespace shutterseal::registry
