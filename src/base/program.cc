// SPDX-License-Identifier: Apache-2.0
#include "src/base/program.h"

#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <new>

#include "src/base/error.h"
#include "src/base/output.h"
#include "src/base/secret.h"
#include "src/base/text.h"

namespace shutterseal {

// Signals that a file system, a limit or a line sends to whoever happens to use it, and that end a process that did not ask: a broken pipe (SIGPIPE), a file
// that may not grow (SIGXFSZ), a lease that another program's open broke (SIGIO). The call that is concerned says the same by its error.
static constexpr int kUnasked[] = {SIGPIPE, SIGXFSZ, SIGIO};

int run_main(const char* name, const std::function<int()>& body) noexcept {
  try {
    guard_standard_descriptors();
    harden_process();
    for (const int number : kUnasked) std::signal(number, SIG_IGN);
    const int status = body();
    close_output();
    return status;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", name, make_printable(error.what()).c_str());
    return exit_code(error.kind());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", name);
    return EX_OSERR;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: internal error: %s\n", name, make_printable(error.what()).c_str());
    return EX_SOFTWARE;
  } catch (...) {
    std::fprintf(stderr, "%s: internal error\n", name);
    return EX_SOFTWARE;
  }
}

UnaskedSignals::UnaskedSignals() noexcept {
  sigset_t sent;
  sigemptyset(&sent);
  static_cast<void>(::sigpending(&sent));
  sigemptyset(&ours_);
  for (const int number : kUnasked)
    if (sigismember(&sent, number) != 1) sigaddset(&ours_, number);
  static_cast<void>(::pthread_sigmask(SIG_BLOCK, &ours_, &before_));
}

UnaskedSignals::~UnaskedSignals() {
  const timespec at_once{};
  while (::sigtimedwait(&ours_, nullptr, &at_once) > 0) {
  }
  static_cast<void>(::pthread_sigmask(SIG_SETMASK, &before_, nullptr));
}

void leave_without_waiting(int code) noexcept {
  std::fflush(nullptr);
  ::_exit(code);
}

StopSignal::StopSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) throw_errno("cannot block", "signals");
  fd_ = Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw_errno("cannot open", "signalfd");
}

void StopSignal::drain() {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    (info.ssi_signo == SIGHUP ? reload_ : stop_) = true;
}

bool StopSignal::stop_requested() {
  drain();
  return stop_;
}

bool StopSignal::reload_requested() {
  drain();
  return reload_.exchange(false);
}

}  // namespace shutterseal
