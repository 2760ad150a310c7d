// SPDX-License-Identifier: Apache-2.0
// Who was invited: one file an invitation, enrol/invitations/cam-ID.conf, and enrol/authorized_keys, which is made of all of them.
// SECURITY: the token itself is not kept, so that who reads these files can neither log in nor enrol.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/paths.h"
#include "src/base/time.h"
#include "src/custody/accounts.h"
#include "src/envelope/keys.h"

namespace shutterseal::custody {

// cam-ID.conf, format 1.
struct Invited {
  CameraId id;
  Digest token;            // its hash
  std::string ssh_key;     // of the key that the token makes, as in authorized_keys
  TimeMs until = 0;        // a request that arrives later is refused
  TimeMs login_until = 0;  // later: a camera that was enrolled still has to fetch its answer
  std::optional<Digest> used_by;  // SHA-256 of the signing key that it enrolled
};

class Invitations {
 public:
  // Account and folders, when they are missing.
  static void make_places(const ServerPaths& paths, bool private_tree);
  // The same, and keeps other commands out while it lives: nothing that waits for a person may be done meanwhile, or a withdrawal would wait, too.
  // Damaged files are named on standard error.
  Invitations(const ServerPaths& paths, bool private_tree);
  // But those whose file is damaged: they let nobody in, and stop nobody else.
  [[nodiscard]] std::vector<Invited> all() const;
  // Error config, permission or the like names the file when it is damaged.
  [[nodiscard]] std::optional<Invited> find(const CameraId& id) const;
  // Replaces those of the same ids, forgets those that ended long ago, and makes authorized_keys anew. All or, cut in between, some: the next call
  // makes authorized_keys of what is there.
  void put(const std::vector<Invited>& some) const;
  bool withdraw(const CameraId& id) const;  // whether there was one, whatever its file holds

 private:
  [[nodiscard]] std::string file_of(const CameraId& id) const { return paths_.invitations + "/" + id.account() + ".conf"; }
  [[nodiscard]] std::vector<Invited> read_all(const std::function<void(const std::string& account, const Error&)>& damaged) const;
  void write_keys() const;
  const ServerPaths& paths_;
  bool private_tree_;
  std::optional<FileLock> lock_;
};

}  // namespace shutterseal::custody
