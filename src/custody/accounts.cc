// SPDX-License-Identifier: Apache-2.0
#include "src/custody/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <vector>

#include "src/base/error.h"
#include "src/custody/tool.h"

namespace shutterseal::custody {

std::optional<Account> find_account(const std::string& name) {
  const auto* entry = ::getpwnam(name.c_str());
  if (!entry) return std::nullopt;
  return Account{entry->pw_uid, entry->pw_gid};
}

Account needed_account(const std::string& name) {
  const auto account = find_account(name);
  if (!account) throw Error(ErrorKind::config, "there is no account '" + name + "': run 'shutterseal init' or 'shutterseal camera repair'");
  return *account;
}

unsigned group_id(const std::string& name) {
  const auto* group = ::getgrnam(name.c_str());
  if (!group) throw Error(ErrorKind::config, "there is no group '" + name + "': groupadd --system " + name);
  return group->gr_gid;
}

static void need_root(const std::string& what) {
  if (::geteuid() != 0) throw Error(ErrorKind::permission, "only root can make " + what);
}

void ensure_server_accounts() {
  if (!::getgrnam(kCameraGroup)) {
    need_root("groups");
    run_tool({"/usr/sbin/groupadd", "--system", kCameraGroup});
  }
  if (find_account(kDaemonAccount)) return;
  need_root("accounts");
  run_tool({"/usr/sbin/useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", kDaemonAccount});
}

static void make_account(const std::string& name, std::optional<unsigned> uid) {
  need_root("accounts");
  // '*' is no password's hash and, unlike '!', no lock: sshd without PAM would refuse a locked account's key. No subordinate ids.
  std::vector<std::string> words{"/usr/sbin/useradd", "--no-create-home", "--no-log-init", "--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0",
                                 "--gid", kCameraGroup, "--home-dir", "/", "--shell", "/usr/sbin/nologin", "--comment", "shutterseal camera", "--password", "*"};
  if (uid) words.insert(words.end(), {"--uid", std::to_string(*uid)});
  words.push_back(name);
  run_tool(words);
}

unsigned ensure_camera_account(const CameraId& id, std::optional<unsigned> uid) {
  const auto name = id.account();
  if (!find_account(name)) make_account(name, uid);
  const auto account = needed_account(name);
  if (account.uid == 0 || account.gid != group_id(kCameraGroup))
    throw Error(ErrorKind::data, "the account '" + name + "' is not a camera's: its group is not " + kCameraGroup);
  if (uid && account.uid != *uid)
    throw Error(ErrorKind::data, "the account '" + name + "' has uid " + std::to_string(account.uid) + ", and camera.conf says " + std::to_string(*uid));
  return account.uid;
}

}  // namespace shutterseal::custody
