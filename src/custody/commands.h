// SPDX-License-Identifier: Apache-2.0
// The subcommands of shutterseal. Each returns an exit code (1: the answer is "no") or throws Error.
#pragma once

#include <string>
#include <vector>

#include "src/config/arguments.h"

namespace shutterseal::custody {

struct Command {
  std::string words;     // "camera add"
  std::string synopsis;  // what stands behind the words
  std::string summary;
  std::vector<config::Option> options;
  int (*run)(const config::Arguments& arguments);
  std::size_t operands_least = 0, operands_most = 0;  // behind the words
};

[[nodiscard]] std::vector<Command> key_commands();     // keys, init
[[nodiscard]] std::vector<Command> enrolment_commands();  // camera sign, add, bundle
[[nodiscard]] std::vector<Command> intermediate_commands();  // intermediate new, sign, install
[[nodiscard]] std::vector<Command> renewal_commands();  // camera renew, approve
[[nodiscard]] std::vector<Command> invitation_commands();  // camera invite, withdraw
[[nodiscard]] int approve_invited(const config::Arguments& arguments);  // camera approve --invited
[[nodiscard]] std::vector<Command> camera_commands();  // camera list, show, suspend, resume, set, password, remove, repair
[[nodiscard]] std::vector<Command> revocation_commands();  // camera revoke, crl
[[nodiscard]] std::vector<Command> bundle_commands();  // bundle sign, show
[[nodiscard]] std::vector<Command> find_commands();    // find, index rebuild
[[nodiscard]] std::vector<Command> open_commands();    // verify, open
[[nodiscard]] std::vector<Command> doctor_commands();  // doctor
[[nodiscard]] std::vector<Command> server_commands();  // server check

}  // namespace shutterseal::custody
