// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "src/base/file.h"
#include "src/base/unlinker.h"
#include "test/unit/scratch.h"

namespace shutterseal {

static std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

TEST_CASE("an unlinker removes each name at once, and keeps no file open") {
  const Scratch scratch;
  const auto dir = open_dir(scratch.path);
  const auto before = open_descriptors();
  {
    Unlinker unlinker;
    for (int i = 0; i < 600; ++i) {
      const auto name = "f" + std::to_string(i);
      std::ofstream(scratch.path + "/" + name) << "octets";
      unlinker.unlink(dir.get(), name);
      REQUIRE_FALSE(std::filesystem::exists(scratch.path + "/" + name));
      REQUIRE(open_descriptors() < before + 300);
    }
    unlinker.unlink(dir.get(), "f0");  // gone already
    unlinker.flush();
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("an unlinker removes a link and leaves what it leads to") {
  const Scratch scratch;
  const auto dir = open_dir(scratch.path);
  std::ofstream(scratch.path + "/file") << "octets";
  std::filesystem::create_symlink(scratch.path + "/file", scratch.path + "/link");
  Unlinker unlinker;
  unlinker.unlink(dir.get(), "link");
  unlinker.flush();
  CHECK_FALSE(std::filesystem::is_symlink(scratch.path + "/link"));
  CHECK(std::filesystem::exists(scratch.path + "/file"));
}

}  // namespace shutterseal
