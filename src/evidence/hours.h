// SPDX-License-Identifier: Apache-2.0
// The folders of a directory store that are written to lately: made, durable, and still what their names lead to.
#pragma once

#include <sys/stat.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/base/ids.h"

namespace shutterseal::evidence {

// Thread-safe. Descriptors are shared, so that a group keeps its own while another evicts them. More folders than that cost opening, not syncing: which
// are durable is remembered for longer.
class Hours {
 public:
  struct Folder {
    Fd dir;
    dev_t device = 0;
    ino_t inode = 0;
  };
  struct Opened {
    std::shared_ptr<const Folder> folder;
    std::optional<Error> trouble;  // of this camera's place: then there is no folder
  };
  Hours(int root, std::string path);  // `path` stands in errors
  // cam-ID/YYYY-MM-DD/HH, made where it is missing. Error: a sync of the common disk failed, it is full, or no descriptor is left.
  [[nodiscard]] Opened open(const CameraId& camera, const std::string& hour);
  // An error in a camera's place that is not this camera's alone: the common disk is full or read-only, or this process is at an end.
  [[nodiscard]] bool is_everybodys(const Error& error, dev_t device) const;
  [[nodiscard]] bool is_common(dev_t device) const noexcept { return device == device_; }
  [[nodiscard]] dev_t common() const noexcept { return device_; }
  void forget();                         // after a failed sync: each descriptor would tell of it once more
  void forget(const CameraId& camera);  // and on which disk its place was

 private:
  [[nodiscard]] Folder walk(const CameraId& camera, const std::string& hour);
  [[nodiscard]] Fd enter(const Fd& parent, const std::string& name, const std::string& path);
  void make_durable(const Fd& parent, const std::string& name, const std::string& path, bool made);
  [[nodiscard]] bool is_still(const Folder& folder, const std::string& hour) const;
  void expect_same_disk(const CameraId& camera, dev_t device);
  void drop(const std::string& hour);
  [[nodiscard]] bool is_full() const;

  [[nodiscard]] std::string where(const std::string& place) const { return path_ + "/" + place; }
  int root_;
  std::string path_;
  dev_t device_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Folder>> open_;
  std::deque<std::string> order_;     // of open_, the oldest first
  std::set<std::string> durable_;     // folders that this process has synced
  std::map<CameraId, dev_t> places_;  // the disk of each camera's folder
  std::optional<Error> failed_sync_;  // of the common disk, on its way out of open()
};

}  // namespace shutterseal::evidence
