// SPDX-License-Identifier: Apache-2.0
// The Unix accounts of a drop server, through useradd(8) and groupadd(8) of the passwd suite: one for the daemon, one for each camera.
#pragma once

#include <optional>
#include <string>

#include "src/base/ids.h"
#include "src/base/time.h"

namespace shutterseal::custody {

inline constexpr const char* kDaemonAccount = "shutterseal";
inline constexpr const char* kAlertAccount = "shutterseal-alert";
inline constexpr const char* kCameraGroup = "shutterseal-cameras";

struct Account {
  unsigned uid = 0, gid = 0;
};
[[nodiscard]] std::optional<Account> find_account(const std::string& name);
[[nodiscard]] Account needed_account(const std::string& name);  // Error config with what to do
[[nodiscard]] unsigned group_id(const std::string& name);       // Error config with what to do

// Makes what is missing of the daemon's and the alert runner's accounts (system, own group, no shell, no home) and the cameras' group. Error
// permission unless root.
void ensure_server_accounts();
// The account kEnrolAccount: its own group alone, no password, no shell. Error permission unless root.
Account ensure_enrol_account();
// The account cam-ID: the cameras' group alone, no password, no shell, no home; with `uid` (of camera.conf) when the account was lost.
// An account of that name outside the cameras' group is somebody else's: Error data. Its uid is returned.
unsigned ensure_camera_account(const CameraId& id, std::optional<unsigned> uid = std::nullopt);

// Error permission "only root can make WHAT" unless root: for who would be half done otherwise.
void need_root(const std::string& what);

// Ends every process of the camera's account: sessions of sshd and the FTP server that were let in before. Error permission unless root.
void end_sessions(const CameraId& id);
// The same again and again for `span` milliseconds, in a process of its own that outlives the caller: a login that had passed every check when the
// camera was revoked becomes a session only afterwards.
void keep_ending_sessions(const CameraId& id, TimeMs span);

}  // namespace shutterseal::custody
