// SPDX-License-Identifier: Apache-2.0
#include "src/pam/account.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "src/base/ids.h"

namespace shutterseal::pam {

static constexpr const char* kGroup = "shutterseal-cameras";
static constexpr std::size_t kLargestEntry = 1024 * 1024;  // a group may list thousands of members

// getpwnam_r and getgrnam_r with a buffer that grows. Nothing: no such name, or no answer.
template <class Entry, class Ask>
static std::optional<Entry> look_up(const std::string& name, std::vector<char>& buffer, Ask ask) {
  Entry entry{};
  Entry* found = nullptr;
  int error = ERANGE;
  for (buffer.resize(4096); error == ERANGE && buffer.size() <= kLargestEntry; buffer.resize(buffer.size() * 2))
    error = ask(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0 || !found) return std::nullopt;
  return entry;
}

Owner owner_of(const std::string& user) {
  const bool camera_form = CameraId::from_account(user).has_value();
  std::vector<char> buffer;
  const auto account = look_up<passwd>(user, buffer, ::getpwnam_r);
  if (!account) return camera_form ? Owner::camera : Owner::somebody;
  if (account->pw_uid == 0) return Owner::somebody;
  const auto group = look_up<::group>(kGroup, buffer, ::getgrnam_r);
  if (!group) return camera_form ? Owner::camera : Owner::somebody;
  return account->pw_gid == group->gr_gid ? Owner::camera : Owner::somebody;
}

}  // namespace shutterseal::pam
