// SPDX-License-Identifier: Apache-2.0
// A preloaded library: files that cannot be had, and a system that lacks what others have.
//   BAD_FILES="NAME:ERRNO:CALLS ..."   whatever has NAME in its name fails with that number in these calls: o(pen), s(tat), r(ename), m(kdir)
//   LACKS="lease noreplace inotify"    leases are refused with EACCES, RENAME_NOREPLACE with EINVAL, inotify with EMFILE
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>

#define EXPORTED extern "C" __attribute__((visibility("default")))

// 0, or the errno with which this call fails for this name.
static int error_of(const char* name, char call) {
  const char* const all = std::getenv("BAD_FILES");
  if (!all || !name) return 0;
  std::istringstream words(all);
  for (std::string word; words >> word;) {
    const auto first = word.find(':'), last = word.rfind(':');
    if (std::strstr(name, word.substr(0, first).c_str()) && word.find(call, last) != std::string::npos) return std::atoi(word.c_str() + first + 1);
  }
  return 0;
}

static bool lacks(const char* what) {
  const char* const all = std::getenv("LACKS");
  return all && std::strstr(all, what);
}

static bool fails(int error) {
  if (error != 0) errno = error;
  return error != 0;
}

static int open_with(int dir, const char* name, int flags, mode_t mode) {
  return fails(error_of(name, 'o')) ? -1 : static_cast<int>(::syscall(SYS_openat, dir, name, flags, mode));
}
EXPORTED int openat(int dir, const char* name, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_with(dir, name, flags, mode);
}

EXPORTED int fstatat(int dir, const char* name, struct stat* info, int flags) noexcept {
  return fails(error_of(name, 's')) ? -1 : static_cast<int>(::syscall(SYS_newfstatat, dir, name, info, flags));
}
EXPORTED int renameat2(int from, const char* old, int to, const char* name, unsigned flags) noexcept {
  if (fails(error_of(old, 'r')) || fails((flags & RENAME_NOREPLACE) != 0 && lacks("noreplace") ? EINVAL : 0)) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, from, old, to, name, flags));
}
EXPORTED int renameat(int from, const char* old, int to, const char* name) noexcept { return renameat2(from, old, to, name, 0); }
EXPORTED int mkdirat(int dir, const char* name, mode_t mode) noexcept {
  return fails(error_of(name, 'm')) ? -1 : static_cast<int>(::syscall(SYS_mkdirat, dir, name, mode));
}

EXPORTED int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return fails(command == F_SETLEASE && lacks("lease") ? EACCES : 0) ? -1 : static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
}
EXPORTED int inotify_init1(int flags) noexcept { return fails(lacks("inotify") ? EMFILE : 0) ? -1 : static_cast<int>(::syscall(SYS_inotify_init1, flags)); }
