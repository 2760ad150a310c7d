// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "src/base/error.h"

namespace shutterseal::uploader {

static constexpr std::size_t kMostWatches = 1024;  // a user has some thousands for everything
static constexpr std::uint32_t kWanted = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

bool Watcher::watch(const std::string& folder) {
  const auto path = folder.empty() ? top_ : top_ + "/" + folder;
  const int watch = ::inotify_add_watch(fd_.get(), path.c_str(), kWanted | (folder.empty() ? 0 : IN_DONT_FOLLOW));
  if (watch >= 0) {
    watches_[folder] = watch;
    return true;
  }
  if (errno != ENOENT && errno != ENOTDIR) lack_ = errno_text(errno);  // gone meanwhile: the next look sees it
  return false;
}

bool Watcher::follow(const std::vector<std::string>& folders) {
  lack_.clear();
  if (!fd_) fd_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd_) {
    lack_ = errno_text(errno);
    return false;
  }
  std::erase_if(watches_, [&](const auto& one) {
    if (one.first.empty() || std::binary_search(folders.begin(), folders.end(), one.first)) return false;
    static_cast<void>(::inotify_rm_watch(fd_.get(), one.second));
    return true;
  });
  bool fresh = !watches_.contains("") && watch("");
  for (const auto& folder : folders) {
    if (watches_.contains(folder)) continue;
    if (watches_.size() >= kMostWatches) {
      lack_ = "too many folders";
      break;
    }
    fresh = watch(folder) || fresh;
  }
  return fresh;
}

void Watcher::begin_anew() {
  watches_.clear();
  fd_.reset();
}

bool Watcher::heard() {
  alignas(struct inotify_event) char buffer[16 * 1024];
  bool wanted = false;
  for (;;) {
    const auto got = fd_ ? ::read(fd_.get(), buffer, sizeof buffer) : 0;
    if (got <= 0) return wanted;
    for (ssize_t at = 0; at < got;) {
      const auto* const event = static_cast<const struct inotify_event*>(static_cast<const void*>(buffer + at));
      at += static_cast<ssize_t>(sizeof *event + event->len);
      if ((event->mask & IN_IGNORED) != 0) std::erase_if(watches_, [&](const auto& one) { return one.second == event->wd; });
      wanted = wanted || (event->mask & ~static_cast<std::uint32_t>(IN_CREATE | IN_IGNORED)) != 0;  // of a folder IN_ISDIR is left
    }
  }
}

}  // namespace shutterseal::uploader
