// SPDX-License-Identifier: Apache-2.0
#include "src/custody/accounts.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <limits>
#include <thread>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/paths.h"
#include "src/base/text.h"
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

void need_root(const std::string& what) {
  if (::geteuid() != 0) throw Error(ErrorKind::permission, "only root can make " + what);
}

void ensure_server_accounts() {
  if (!::getgrnam(kCameraGroup)) {
    need_root("groups");
    run_tool({"/usr/sbin/groupadd", "--system", kCameraGroup});
  }
  for (const auto* name : {kDaemonAccount, kAlertAccount}) {
    if (find_account(name)) continue;
    need_root("accounts");
    run_tool({"/usr/sbin/useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name});
  }
}

// '*' is no password's hash and, unlike '!', no lock: sshd without PAM would refuse a locked account's key.
Account ensure_enrol_account() {
  if (!find_account(kEnrolAccount)) {
    need_root("accounts");
    run_tool({"/usr/sbin/useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin", "--password", "*", kEnrolAccount});
  }
  return needed_account(kEnrolAccount);
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

// The real uid; from the text, because /proc/PID itself belongs to root for processes that hide their memory, as sshd's do.
static std::optional<unsigned> uid_of_process(const std::string& pid) {
  static constexpr std::string_view kField = "\nUid:\t";
  try {
    const auto status = read_file("/proc/" + pid + "/status", 64 * 1024);
    const auto text = as_text(status);
    const auto at = text.find(kField);
    if (at == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(at + kField.size());
    const auto uid = parse_decimal(rest.substr(0, rest.find('\t')), std::numeric_limits<unsigned>::max());
    return uid ? std::optional(static_cast<unsigned>(*uid)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // it ended
  }
}

// Not finished in one pass: a process may be starting another.
static bool kill_all_of(unsigned uid) {
  bool any = false;
  for (const auto& name : list_dir(open_dir("/proc").get())) {
    const auto pid = parse_decimal(name, std::numeric_limits<pid_t>::max());
    if (!pid || *pid <= 1) continue;
    // The descriptor first, the question after: a pid that was given to another by then is not signalled.
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(*pid), 0)));
    if (!process || uid_of_process(name) != uid) continue;
    any = ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0 || any;
  }
  return any;
}

void end_sessions(const CameraId& id) {
  const auto account = find_account(id.account());
  if (!account || account->uid == 0) return;
  need_root("sessions end");
  static constexpr int kMostPasses = 10;
  for (int i = 0; i < kMostPasses && kill_all_of(account->uid); ++i) {
  }
}

static constexpr auto kBetweenPasses = std::chrono::milliseconds(100);

// Nothing of the caller's is held: neither its terminal, nor a pipe whose reader would wait for us, nor a lock.
static void detach() {
  if (::setsid() < 0 || ::chdir("/") != 0 || ::close_range(0, ~0U, 0) != 0) ::_exit(71);
  for (int fd = 0; fd < 3; ++fd)
    if (::open("/dev/null", O_RDWR) != fd) ::_exit(71);
}

[[noreturn]] static void end_sessions_until(unsigned uid, TimeMs until) noexcept {
  try {
    detach();
    for (; monotonic_ms() < until; std::this_thread::sleep_for(kBetweenPasses)) kill_all_of(uid);
  } catch (const Error&) {
    ::_exit(71);
  }
  ::_exit(0);
}

void keep_ending_sessions(const CameraId& id, TimeMs span) {
  const auto account = find_account(id.account());
  if (!account || account->uid == 0) return;
  const auto until = monotonic_ms() + span;
  const auto child = ::fork();
  if (child < 0) throw_errno("cannot watch for logins of", id.account());
  if (child == 0) end_sessions_until(account->uid, until);
}

}  // namespace shutterseal::custody
