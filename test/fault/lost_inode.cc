// SPDX-License-Identifier: Apache-2.0
// A preloaded library: a file whose inode is damaged. Whatever has LOST_INODE in its name is listed, and each call that needs the inode gives EUCLEAN:
// open, a look, a rename, an unlink.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace {

bool is_lost(const char* path) {
  const char* const lost = std::getenv("LOST_INODE");
  if (!lost || !std::strstr(path, lost)) return false;
  errno = EUCLEAN;
  return true;
}

template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// With 64-bit offsets the compiler calls these openat64 and fstatat64, as it does in our programs.
#define VISIBLE extern "C" __attribute__((visibility("default")))

VISIBLE int openat(int dir, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return is_lost(path) ? -1 : static_cast<int>(::syscall(SYS_openat, dir, path, flags, mode));
}
VISIBLE int fstatat(int dir, const char* path, struct stat* info, int flags) noexcept {
  return is_lost(path) ? -1 : original<int(int, const char*, struct stat*, int)>("fstatat64")(dir, path, info, flags);
}
VISIBLE int renameat2(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) noexcept {
  return is_lost(from) ? -1 : static_cast<int>(::syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}
VISIBLE int unlinkat(int dir, const char* path, int flags) noexcept { return is_lost(path) ? -1 : static_cast<int>(::syscall(SYS_unlinkat, dir, path, flags)); }
