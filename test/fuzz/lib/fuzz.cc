// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/lib/fuzz.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/base/file.h"

namespace shutterseal::fuzz {

void broken(const char* promise, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, promise);
  std::abort();
}

bool has_control(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

bool is_printable_line(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

namespace {
struct Scratch {
  std::string path = std::filesystem::temp_directory_path() / "shutterseal-fuzz-XXXXXX";
  Scratch() { HOLDS(::mkdtemp(path.data()) != nullptr); }
  ~Scratch() { std::filesystem::remove_all(path); }
};
}  // namespace

const std::string& scratch_dir() {
  static const Scratch scratch;
  return scratch.path;
}

void put_file(const std::string& path, std::string_view content) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) throw_errno("cannot open", path);
  write_all(fd.get(), as_bytes(content), path);
}

}  // namespace shutterseal::fuzz
