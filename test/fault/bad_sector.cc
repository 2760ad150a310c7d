// SPDX-License-Identifier: Apache-2.0
// A preloaded library: a disk that cannot read one file. Whatever has BAD_SECTOR in its name gives EIO behind its first 512 octets.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" __attribute__((visibility("default"))) ssize_t read(int fd, void* out, size_t size) {
  static const auto original = reinterpret_cast<ssize_t (*)(int, void*, size_t)>(::dlsym(RTLD_NEXT, "read"));
  const char* const wanted = std::getenv("BAD_SECTOR");
  char name[4096] = "";
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto length = ::readlink(link.c_str(), name, sizeof name - 1);
  if (!wanted || length < 0 || !std::strstr(name, wanted)) return original(fd, out, size);
  if (::lseek(fd, 0, SEEK_CUR) < 512) return original(fd, out, size < 512 ? size : 512);
  errno = EIO;
  return -1;
}
