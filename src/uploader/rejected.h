// SPDX-License-Identifier: Apache-2.0
// rejected/ of the capture directory: what was judged to be no picture. It has a limit, since it lies where the camera writes; and what was put aside as
// cut short is looked at again when it changes, since a transfer may only have stalled.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace shutterseal::uploader {

class Rejected {
 public:
  // `file`: state/rejected, those that may still grow; a damaged one is an empty one.
  Rejected(std::string file, std::uint64_t limit);
  void lies_in(int dir) { dir_ = dir; }  // -1: nowhere now

  // Moves a file there, durably, under its own name, or under `other` if that is taken. Gives the name; empty: it cannot be moved. `growing`: it may not be
  // all of it, and this is how it was when it was judged; whoever still writes may have gone on since.
  [[nodiscard]] std::string take(int from, const std::string& name, const std::string& own, const std::string& other, const struct stat* growing);
  // Of those that may grow: the names of those that are not as they were put aside.
  [[nodiscard]] std::vector<std::string> changed();
  void remember(const std::string& name, const struct stat& info);  // as it was judged
  void forget(const std::string& name);
  // The oldest are removed until the rest keeps to the limit, and to an eighth of the file system: their names.
  [[nodiscard]] std::vector<std::string> trim();

 private:
  struct Aside {
    std::string name;
    std::uint64_t inode = 0, size = 0;
    std::int64_t modified_ns = 0;  // not the change time: the move sets that
  };
  void load();
  void save();
  std::string file_;
  std::uint64_t limit_;
  int dir_ = -1;
  bool trim_due_ = true;
  std::vector<Aside> growing_;
};

}  // namespace shutterseal::uploader
