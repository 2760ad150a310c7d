// SPDX-License-Identifier: Apache-2.0
// A directory of a test's own, removed at its end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

struct Scratch {
  std::string path;
  Scratch() {
    char name[] = "/tmp/shutterseal-unit-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path + "/" + name; }
};
