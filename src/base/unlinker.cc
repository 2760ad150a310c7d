// SPDX-License-Identifier: Apache-2.0
#include "src/base/unlinker.h"

#include <fcntl.h>

#include <utility>

#include "src/base/file.h"

namespace shutterseal {

static constexpr std::size_t kMostOpen = 128;  // and as many that are being closed: fewer than a process may have

void Unlinker::unlink(int dir, const std::string& name) {
  Fd held(::openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  unlink_at(dir, name);
  if (held) gone_.push_back(std::move(held));
  if (gone_.size() == kMostOpen) flush();
}

void Unlinker::flush() {
  freeing_.reset();
  if (gone_.empty()) return;
  closing_ = std::exchange(gone_, {});
  freeing_.emplace(&assistant_, [this] { closing_.clear(); });
  if (!freeing_->is_beside()) freeing_->wait();
}

}  // namespace shutterseal
