// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "src/base/error.h"
#include "src/ingestd/intake.h"

namespace shutterseal::ingestd {

static constexpr int kMostReads = 32;  // of 64 KiB: more than a whole queue of the kernel's usual size

Watch::Watch(const Context& context, const registry::Registry& registry, const Log& log)
    : context_(context), registry_(registry), log_(log), fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (!fd_) throw_errno("cannot watch", context.paths.drop);
  // A camera appears in the registry by one rename, after its drop directory was made; its folder is dated anew when its state changes.
  registry_watch_ = ::inotify_add_watch(fd_.get(), context.paths.cameras.c_str(), IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR);
}

bool Watch::has_no_drops(const CameraId& id) const {
  try {
    const auto camera = registry_.find(id);
    return camera && is_final(camera->state);
  } catch (const Error&) {
    return false;  // a broken folder is said by who needs it
  }
}

bool Watch::is_watched(const CameraId& id) const {
  return std::any_of(cameras_.begin(), cameras_.end(), [&id](const auto& one) { return one.second == id; });
}

std::vector<CameraId> Watch::rescan() {
  std::vector<CameraId> present;
  for (const auto& id : registry_.list()) {
    const auto path = incoming_path(context_.paths, id);
    // A plain SFTP rename is link and unlink and shows as IN_CREATE; posix-rename and FTP as IN_MOVED_TO. Adding a watch again is harmless.
    const int watch = ::inotify_add_watch(fd_.get(), path.c_str(), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    if (watch < 0 && errno == ENOENT) {
      if (missing_.insert(id).second && !has_no_drops(id)) log_.warning(LogLine("no-drop-directory").field("camera", id.text()));
      continue;
    }
    // No watch left (fs.inotify.max_user_watches): the rescan still finds everything, only later.
    if (watch >= 0) cameras_.insert_or_assign(watch, id);
    present.push_back(id);
  }
  return present;
}

std::vector<CameraId> Watch::events(bool& rescan) {
  std::set<CameraId> busy;
  alignas(struct inotify_event) char buffer[64 * 1024];
  // Bounded: who makes and removes names without pause must not keep us here.
  for (int reads = 0; reads < kMostReads; ++reads) {
    const auto got = ::read(fd_.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    for (ssize_t at = 0; at < got;) {
      struct inotify_event event {};
      std::memcpy(&event, buffer + at, sizeof event);
      const char* name = buffer + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      const bool is_registry = event.wd == registry_watch_;
      if ((event.mask & IN_Q_OVERFLOW) != 0 || (is_registry && (event.mask & IN_MOVED_TO) != 0)) rescan = true;
      if (is_registry && event.len != 0)
        if (const auto changed = CameraId::from_account(name); changed && is_watched(*changed)) busy.insert(*changed);
      const auto camera = cameras_.find(event.wd);
      if (event.len != 0 && name[0] != '.' && camera != cameras_.end()) busy.insert(camera->second);
    }
  }
  return {busy.begin(), busy.end()};
}

}  // namespace shutterseal::ingestd
