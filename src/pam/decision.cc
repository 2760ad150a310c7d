// SPDX-License-Identifier: Apache-2.0
#include "src/pam/decision.h"

#include <algorithm>

namespace shutterseal::pam {

std::string_view access_name(Access access) noexcept {
  switch (access) {
    case Access::allowed: return "allowed";
    case Access::not_a_camera: return "not-a-camera";
    case Access::not_enrolled: return "not-enrolled";
    case Access::suspended: return "suspended";
    case Access::revoked: return "revoked";
    case Access::removed: return "removed";
    case Access::expired: return "expired";
    case Access::wrong_network: return "wrong-network";
    case Access::wrong_service: return "wrong-service";
    case Access::bad_password: return "bad-password";
    case Access::wrong_password: return "wrong-password";
    case Access::broken_registry: return "broken-registry";
    case Access::bad_option: return "bad-option";
  }
  return "bug";
}

static bool is_from(const std::vector<registry::Network>& networks, const std::optional<registry::Address>& address) {
  if (networks.empty()) return true;
  return address && std::any_of(networks.begin(), networks.end(), [&](const auto& network) { return network.contains(*address); });
}

static bool is_through(const std::vector<std::string>& services, const std::string& service) {
  return services.empty() || std::find(services.begin(), services.end(), service) != services.end();
}

Access judge(const std::optional<registry::Camera>& camera, const Login& login) {
  if (!camera) return Access::not_enrolled;
  if (camera->state == registry::State::revoked) return Access::revoked;
  if (camera->state == registry::State::removed) return Access::removed;
  if (camera->state == registry::State::suspended) return Access::suspended;
  if (camera->expires && *camera->expires + camera->grace <= login.now) return Access::expired;
  if (!is_from(camera->networks, login.address)) return Access::wrong_network;
  if (!is_through(camera->services, login.service)) return Access::wrong_service;
  return Access::allowed;
}

Access judge_enrolment(const Login& login) {
  return login.service == "shutterseal-sshd" || login.service == "sshd" ? Access::allowed : Access::wrong_service;
}

Options parse_options(int count, const char* const* words) {
  constexpr std::string_view kRoot = "root=";
  Options options;
  for (int i = 0; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "others=ignore") {
      options.ignore_others = true;
    } else if (word == "debug") {
      options.debug = true;
    } else if (word.starts_with(std::string(kRoot) + "/")) {
      options.root = word.substr(kRoot.size());
    } else {
      options.valid = false;
    }
  }
  return options;
}

}  // namespace shutterseal::pam
