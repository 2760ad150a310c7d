// SPDX-License-Identifier: Apache-2.0
// The one decision of the PAM module, pure: may this camera log in, now, from there, by this service? No PAM, no files, no clock.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/base/time.h"
#include "src/registry/registry.h"

namespace shutterseal::pam {

enum class Access {
  allowed,
  not_a_camera,    // an account of somebody else: not ours to judge
  not_enrolled,
  suspended,
  revoked,
  removed,
  expired,         // its newest certificate has ended, and its grace, too
  wrong_network,   // camera.conf names networks, and this is none of them (or no address is known)
  wrong_service,   // camera.conf names services, and this is none of them
  bad_password,    // empty, over-long, not UTF-8: refused before it is hashed
  wrong_password,
  broken_registry, // missing, unreadable, wrongly owned, malformed
  bad_option,      // of the module, in the PAM configuration
};
[[nodiscard]] std::string_view access_name(Access access) noexcept;  // as logged: "not-enrolled"

struct Login {
  std::string service;                       // PAM_SERVICE
  std::optional<registry::Address> address;  // PAM_RHOST, when that is an address
  TimeMs now = 0;
};
// allowed, not_enrolled (nothing), suspended, revoked, removed, expired, wrong_network or wrong_service; the gravest first.
[[nodiscard]] Access judge(const std::optional<registry::Camera>& camera, const Login& login);

// Of the account that new cameras enrol by (kEnrolAccount): by SSH alone; what it may do there, sshd bounds. allowed or wrong_service.
[[nodiscard]] Access judge_enrolment(const Login& login);

// What follows the module's name in the PAM configuration.
struct Options {
  std::string root;            // root=DIR, as --root of the programs
  bool ignore_others = false;  // others=ignore
  bool debug = false;
  bool valid = true;           // false: an unknown option was seen; cameras are denied, since it may be a restriction
};
[[nodiscard]] Options parse_options(int count, const char* const* words);

}  // namespace shutterseal::pam
