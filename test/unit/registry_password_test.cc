// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "src/registry/password.h"

namespace shutterseal::registry {

TEST_CASE("a password matches its own hash and nobody else's") {
  const auto hash = hash_password(Secret("correct horse"));
  CHECK(hash.starts_with("$y$j9T$"));
  CHECK(password_matches(Secret("correct horse"), hash));
  CHECK_FALSE(password_matches(Secret("correct horsf"), hash));
  CHECK_FALSE(password_matches(Secret(""), hash));
  CHECK(hash_password(Secret("correct horse")) != hash);
}

TEST_CASE("no hash, a locked one, another method or half a hash match nothing") {
  const auto whole = hash_password(Secret("x"));
  for (const auto& hash : {std::string(), std::string("*"), std::string("!") + whole, std::string("x"), std::string("$1$salt$qJH7.N4xYta3aEG/dfqo/0"),
                           std::string("$y$"), whole.substr(0, whole.size() - 1), whole + "a"})
    CHECK_MESSAGE(!password_matches(Secret("x"), hash), hash);
}

TEST_CASE("the salt for strangers is no password's hash") { CHECK_FALSE(password_matches(Secret("x"), "$y$j9T$shutterseal.nobody.$")); }

TEST_CASE("passwords that are refused before they are hashed") {
  CHECK(is_acceptable_password("x"));
  CHECK(is_acceptable_password("pässwörd"));
  CHECK(is_acceptable_password(std::string(kLongestPassword, 'a')));
  CHECK_FALSE(is_acceptable_password(""));
  CHECK_FALSE(is_acceptable_password(std::string(kLongestPassword + 1, 'a')));
  for (const auto* text : {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\nb", "\x1b[2J", "a\x7f"}) CHECK_FALSE(is_acceptable_password(text));
}

TEST_CASE("random passwords are acceptable and differ") {
  const auto one = random_password(), other = random_password();
  CHECK(one.view().size() == 32);
  CHECK(is_acceptable_password(one.view()));
  CHECK(one.view() != other.view());
}

}  // namespace shutterseal::registry
