// SPDX-License-Identifier: Apache-2.0
// The capture directory and the folders in it, as deep as is configured: cameras sort pictures by day and hour. Symbolic links are not followed.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>

#include "src/uploader/names.h"

namespace shutterseal::uploader {

struct TreeEntry {
  int dir;               // of its folder
  std::string folder;    // relative, "" for the top
  std::string name;
  std::string path;      // relative
  struct stat info {};   // of the name; zeros when it cannot be looked at, which need not keep it from being moved
};

struct TreeVisitor {
  std::function<void(const TreeEntry&)> file;       // all that is no folder
  std::function<void(const std::string& path)> folder;
  std::function<void()> ignored;
  // One folder's trouble costs that folder alone.
  std::function<void(const std::string& path, const std::string& reason)> trouble;
};

// .claimed/ and rejected/ of the top are not visited. Error when the top itself cannot be listed.
void walk_tree(int top, std::uint64_t depth, const IgnoredNames& ignored, const TreeVisitor& visitor);

}  // namespace shutterseal::uploader
