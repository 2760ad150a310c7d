// SPDX-License-Identifier: Apache-2.0
#include "src/sandbox/sandbox.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <climits>
#include <memory>

#include "src/base/error.h"

namespace shutterseal {

using Filter = std::unique_ptr<void, void (*)(void*)>;

static void check(int status, const char* what) {
  if (status != 0) throw Error(ErrorKind::system, what);
}

static void allow(const Filter& filter, int call) { check(seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0), "cannot set up seccomp"); }

static void allow_without_exec(const Filter& filter, int call) {
  const struct scmp_arg_cmp not_executable {
    2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0
  };
  check(seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, 1, &not_executable), "cannot set up seccomp");
}

static Filter make_filter() {
  Filter filter(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release);
  if (!filter) throw Error(ErrorKind::system, "cannot set up seccomp");
  for (const int call : {SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(close), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk),
                         SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
                         SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime), SCMP_SYS(getrandom)})
    allow(filter, call);
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) allow_without_exec(filter, call);
  return filter;
}

void enter_sandbox(int socket) {
  const auto filter = make_filter();
  check(::close_range(static_cast<unsigned>(socket) + 1, UINT_MAX, 0), "cannot close what was inherited");
  check(seccomp_load(filter.get()), "cannot enter seccomp");
  // Last, because until here standard error says what went wrong. Under systemd it is a socket to the journal: whoever could send to it would
  // write lines in the daemon's name, and those suspend cameras.
  for (int fd = 0; fd < socket; ++fd) ::close(fd);
}

}  // namespace shutterseal
