// SPDX-License-Identifier: Apache-2.0
// Preloaded into one program under test: counts its system calls that change what a disk holds, over all its threads, and does one
// thing at the one that was asked for. strace's injection counts each thread for itself and cannot kill after a call; this does.
//
//   FAULT=kill-before:K | kill-after:K     SIGKILL around the K-th call
//   FAULT=EIO:K | ENOSPC:K | EDQUOT:K | EROFS:K     the K-th call fails
//   FAULT=short:K       the K-th call, where it is a write, puts half of what was given
//   FAULT=none          nothing, for the log alone
//   FAULT=nosync        every sync says 0 and does nothing
//   FAULT_LOG=FILE      a line a call: number, name, path
// Files without a directory entry on a disk (memory files) and the log lines on standard error are not counted.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum action { nothing, kill_before, kill_after, fail, shorten, no_sync };
static struct {
  enum action action;
  long at;
  int error;
  int log;
} fault = {nothing, 0, 0, -1};
static atomic_long calls;

static const struct {
  const char* name;
  enum action action;
  int error;
} kActions[] = {{"none", nothing, 0},    {"kill-before", kill_before, 0}, {"kill-after", kill_after, 0},
                {"EIO", fail, EIO},      {"ENOSPC", fail, ENOSPC},        {"EDQUOT", fail, EDQUOT},
                {"EROFS", fail, EROFS},  {"short", shorten, 0},           {"nosync", no_sync, 0}};

__attribute__((constructor)) static void read_environment(void) {
  const char* log = getenv("FAULT_LOG");
  if (log) fault.log = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const char* wanted = getenv("FAULT");
  if (!wanted) return;
  atomic_store(&calls, 0);  // a sanitizer's runtime has made some before
  const size_t length = strcspn(wanted, ":");
  for (size_t i = 0; i < sizeof kActions / sizeof *kActions; ++i)
    if (strlen(kActions[i].name) == length && strncmp(kActions[i].name, wanted, length) == 0) {
      fault.action = kActions[i].action;
      fault.error = kActions[i].error;
      fault.at = wanted[length] ? atol(wanted + length + 1) : 0;
      return;
    }
  abort();  // a misspelt fault would be no fault
}

static void note(long number, const char* name, int dir, const char* path) {
  if (fault.log < 0) return;
  char link[64], at[PATH_MAX] = "", line[2 * PATH_MAX + 128];
  if (dir >= 0 && (!path || path[0] != '/')) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    const ssize_t size = readlink(link, at, sizeof at - 1);
    at[size < 0 ? 0 : size] = 0;
  }
  const int size = snprintf(line, sizeof line, "%ld %s %s%s%s\n", number, name, at, path && *at ? "/" : "", path ? path : "");
  syscall(SYS_write, fault.log, line, (size_t)size);
}

// True: the call must fail; errno is set.
static int before(const char* name, int dir, const char* path, int* after) {
  const long number = ++calls;
  note(number, name, dir, path);
  *after = fault.action == kill_after && number == fault.at;
  if (fault.action == kill_before && number == fault.at) kill(getpid(), SIGKILL);
  if (fault.action != fail || number != fault.at) return 0;
  errno = fault.error;
  return 1;
}

static long behind(long result, int after) {
  if (after) kill(getpid(), SIGKILL);
  return result;
}

#define CALL(name, dir, path, result)                   \
  do {                                                  \
    int after;                                          \
    if (before(name, dir, path, &after)) return -1;     \
    return (int)behind((result), after);                \
  } while (0)

// A memory file's link begins with /memfd: and says "(deleted)", an unnamed file on a disk "/…/#inode (deleted)".
static int is_on_disk(int fd) {
  struct stat info;
  char link[64], target[16] = "";
  if (fd <= STDERR_FILENO || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  return readlink(link, target, sizeof target) < 7 || strncmp(target, "/memfd:", 7) != 0;
}

// ---- names ----------------------------------------------------------------------------------------------------------------------------

static int open_with(int dir, const char* path, int flags, mode_t mode) {
  const int changes = flags & (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY));
  if (!changes) return (int)syscall(SYS_openat, dir, path, flags, mode);
  CALL("open", dir, path, syscall(SYS_openat, dir, path, flags, mode));
}
static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(rest, mode_t) : 0; }
#define OPEN(name, parameters, dir)                \
  int name parameters {                            \
    va_list rest;                                  \
    va_start(rest, flags);                         \
    const mode_t mode = mode_of(flags, rest);      \
    va_end(rest);                                  \
    return open_with(dir, path, flags, mode);      \
  }
OPEN(open, (const char* path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char* path, int flags, ...), AT_FDCWD)
OPEN(openat, (int dir, const char* path, int flags, ...), dir)
OPEN(openat64, (int dir, const char* path, int flags, ...), dir)

int mkdirat(int dir, const char* path, mode_t mode) { CALL("mkdir", dir, path, syscall(SYS_mkdirat, dir, path, mode)); }
int mkdir(const char* path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int unlinkat(int dir, const char* path, int flags) { CALL("unlink", dir, path, syscall(SYS_unlinkat, dir, path, flags)); }
int unlink(const char* path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int linkat(int from, const char* old, int to, const char* path, int flags) {
  CALL("link", to, path, syscall(SYS_linkat, from, old, to, path, flags));
}
int link(const char* old, const char* path) { return linkat(AT_FDCWD, old, AT_FDCWD, path, 0); }
int renameat2(int from, const char* old, int to, const char* path, unsigned flags) {
  CALL("rename", to, path, syscall(SYS_renameat2, from, old, to, path, flags));
}
int renameat(int from, const char* old, int to, const char* path) { return renameat2(from, old, to, path, 0); }
int rename(const char* old, const char* path) { return renameat2(AT_FDCWD, old, AT_FDCWD, path, 0); }

// ---- content --------------------------------------------------------------------------------------------------------------------------

static size_t cut(size_t size) { return fault.action == shorten && calls == fault.at && size > 1 ? size / 2 : size; }

ssize_t write(int fd, const void* octets, size_t size) {
  if (!is_on_disk(fd)) return syscall(SYS_write, fd, octets, size);
  int after;
  if (before("write", fd, NULL, &after)) return -1;
  return behind(syscall(SYS_write, fd, octets, cut(size)), after);
}
ssize_t pwrite64(int fd, const void* octets, size_t size, off64_t at) {
  int after;
  if (before("pwrite", fd, NULL, &after)) return -1;
  return behind(syscall(SYS_pwrite64, fd, octets, cut(size), at), after);
}
ssize_t pwrite(int fd, const void* octets, size_t size, off_t at) { return pwrite64(fd, octets, size, at); }
int ftruncate64(int fd, off64_t size) {
  if (!is_on_disk(fd)) return (int)syscall(SYS_ftruncate, fd, size);
  CALL("truncate", fd, NULL, syscall(SYS_ftruncate, fd, size));
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

// ---- sync -----------------------------------------------------------------------------------------------------------------------------

#define SYNC(name, number)                                      \
  int name(int fd) {                                            \
    if (fault.action == no_sync) return 0;                      \
    CALL(#name, fd, NULL, syscall(number, fd));                 \
  }
SYNC(fsync, SYS_fsync)
SYNC(fdatasync, SYS_fdatasync)
SYNC(syncfs, SYS_syncfs)
int sync_file_range(int fd, off64_t at, off64_t size, unsigned flags) {
  if (fault.action == no_sync) return 0;
  return (int)syscall(SYS_sync_file_range, fd, at, size, flags);
}
