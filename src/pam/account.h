// SPDX-License-Identifier: Apache-2.0
// Whose account is this? From name and group alone (getpwnam(3), getgrnam(3)), before the registry is touched, so that a broken registry
// never denies an administrator.
#pragma once

#include <string>

namespace shutterseal::pam {

enum class Owner {
  camera,    // named cam-ID with shutterseal-cameras as its primary group, or no account at all under such a name (a stranger's guess)
  somebody,  // everybody else; always uid 0
};
// A name of camera form about which the name service cannot answer is taken for a camera's, any other for somebody's.
[[nodiscard]] Owner owner_of(const std::string& user);

}  // namespace shutterseal::pam
