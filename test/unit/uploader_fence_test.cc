// SPDX-License-Identifier: Apache-2.0
// What an administrator is told about a directory that a service cannot use.
#include <doctest/doctest.h>

#include <cerrno>

#include "src/uploader/fence.h"

namespace shutterseal::uploader {

TEST_CASE("a hidden directory is told with its drop-in, another user's with the user") {
  for (const int hidden : {ENOENT, EROFS, ENOTDIR}) {
    const auto words = way_through_the_fence("/home/camera/pictures", hidden, "shutterseal-upload");
    CHECK(words.find("systemctl edit shutterseal-upload,") != std::string::npos);
    CHECK(words.find("[Service] BindPaths=/home/camera/pictures") != std::string::npos);
    CHECK(words.find("RequiresMountsFor=/home/camera/pictures") != std::string::npos);
  }
  for (const int foreign : {EACCES, EPERM}) {
    const auto words = way_through_the_fence("/srv/p", foreign, "shutterseal-upload-run");
    CHECK(words.find("systemctl edit shutterseal-upload-run:") != std::string::npos);
    CHECK(words.find("User=") != std::string::npos);
    CHECK(words.find("BindPaths") == std::string::npos);
  }
  CHECK(way_through_the_fence("/srv/a\nb", EROFS, "u").find('\n') == std::string::npos);
}

}  // namespace shutterseal::uploader
