// SPDX-License-Identifier: Apache-2.0
// What a probe found. A probe is one question that an attacker would ask; its answer is a row of the table.
#pragma once

#include <string>
#include <vector>

namespace shutterseal::doctor {

enum class Standing {
  holds,
  broken,     // an attacker gets what he must not, or a camera does not get what it needs
  not_tried,  // it needs what was not given (a key, another camera's name), or an earlier answer
};
[[nodiscard]] std::string_view standing_name(Standing standing) noexcept;

struct Finding {
  std::string probe;     // stable name: "ssh-weak-kex"
  std::string expected;
  std::string found;     // may hold the server's words: escape it
  Standing standing = Standing::not_tried;
  std::string mend;      // the line of configuration that mends it
};
using Findings = std::vector<Finding>;

}  // namespace shutterseal::doctor
