// SPDX-License-Identifier: Apache-2.0
// Which cameras have something: inotify on every incoming/, and a look at all of them at start, after an overflow and every few seconds.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "src/base/fd.h"
#include "src/base/log.h"
#include "src/ingestd/settings.h"
#include "src/registry/registry.h"

namespace shutterseal::ingestd {

class Watch {
 public:
  Watch(const Context& context, const registry::Registry& registry, const Log& log);
  [[nodiscard]] int fd() const { return fd_.get(); }
  // All enrolled cameras that have an incoming/; new ones are watched from now on.
  [[nodiscard]] std::vector<CameraId> rescan();
  // Cameras with an event since the last call. A change of camera.conf is one. `rescan` is set when the kernel dropped some, or a camera is new.
  [[nodiscard]] std::vector<CameraId> events(bool& rescan);

 private:
  [[nodiscard]] bool has_no_drops(const CameraId& id) const;
  [[nodiscard]] bool is_watched(const CameraId& id) const;
  const Context& context_;
  const registry::Registry& registry_;
  const Log& log_;
  Fd fd_;
  int registry_watch_ = -1;  // without it a new camera waits for the next rescan
  std::map<int, CameraId> cameras_;   // by watch
  std::set<CameraId> missing_;  // said once
};

}  // namespace shutterseal::ingestd
