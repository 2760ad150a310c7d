// SPDX-License-Identifier: Apache-2.0
// Notices of the capture directory and the folders in it (inotify). They make the next look come sooner, and nothing rests on them: a queue overflows, a mount
// over a directory is not told, another machine's writes are not either, and where the system has none left, looking alone does the work.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/base/fd.h"

namespace shutterseal::uploader {

class Watcher {
 public:
  explicit Watcher(std::string top) : top_(std::move(top)) {}
  // Watches the top and these folders in it, and no others any more. True: one is new, and what came into it before is not told.
  bool follow(const std::vector<std::string>& folders);
  void begin_anew();  // another directory has the path
  [[nodiscard]] bool is_complete() const { return lack_.empty(); }
  [[nodiscard]] const std::string& lack() const { return lack_; }  // what the system refused: "too many open files"
  [[nodiscard]] int fd() const { return fd_.get(); }               // -1: none
  // Reads what is pending. False: nothing of it needs a look (a file that was just made, and will be told again when it is closed).
  [[nodiscard]] bool heard();

 private:
  bool watch(const std::string& folder);
  std::string top_, lack_;
  Fd fd_;
  std::map<std::string, int> watches_;  // by folder; the top is ""
};

}  // namespace shutterseal::uploader
