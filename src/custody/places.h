// SPDX-License-Identifier: Apache-2.0
// The install table: which path of a drop server belongs to whom, in which mode. One table makes, checks and mends.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "src/base/paths.h"
#include "src/custody/accounts.h"
#include "src/registry/registry.h"

namespace shutterseal::custody {

struct Place {
  std::string path;
  mode_t type;  // S_IFDIR or S_IFREG
  unsigned uid, gid;
  mode_t mode;
  bool needed = true;  // false: right when it is missing, too
};

// Whose uids and gids stand in the table. In a private tree (--root) everything belongs to whoever calls.
struct Owners {
  bool private_tree = false;
  Account daemon;
  unsigned cameras_gid = 0;
  std::optional<Account> enrol;  // nothing: nobody was invited yet
};
[[nodiscard]] Owners server_owners(bool private_tree);

[[nodiscard]] std::vector<Place> server_places(const ServerPaths& paths, const Owners& owners);
// What invitations need, made with the first one. A new camera adds requests that nobody can list, or read back, and opens an answer whose name it
// knows.
[[nodiscard]] std::vector<Place> enrol_places(const ServerPaths& paths, const Account& enrol);
[[nodiscard]] std::vector<Place> drop_places(const ServerPaths& paths, const Owners& owners, const CameraId& id, unsigned uid);
[[nodiscard]] std::vector<Place> registry_places(const ServerPaths& paths, const Owners& owners, const registry::Registry& registry, const CameraId& id);

// "" when right; else what is wrong: "is missing", "is 0755 root:root and must be 2370 cam-101:shutterseal".
[[nodiscard]] std::string fault_of(const Place& place, bool private_tree);
// Makes a missing directory, sets owner and mode. A missing file stays missing: Error no_input. What is there and of another type: Error data.
void put_right(const Place& place, bool private_tree);

}  // namespace shutterseal::custody
