// SPDX-License-Identifier: Apache-2.0
// The frame of every main: hardening, one place that turns Errors into a line and an exit code, and the stop signal.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <string>

#include "src/base/fd.h"

namespace shutterseal {

// Calls body(); an Error becomes "NAME: MESSAGE" on stderr and its exit code; std::bad_alloc EX_OSERR; anything else EX_SOFTWARE.
// Ignores signals that nobody asked for (SIGPIPE, SIGXFSZ, SIGIO) and hardens the process first. Ends with EX_IOERR when body() returned and what it said
// (output.h) is lost.
[[nodiscard]] int run_main(const char* name, const std::function<int()>& body) noexcept;

// The same for a while in a process that is not ours (sshd under pam_limits, for one, may not let files grow): blocked in this thread, and what came is
// taken before the thread gets its own mask back.
class UnaskedSignals {
 public:
  UnaskedSignals() noexcept;
  ~UnaskedSignals();
  UnaskedSignals(const UnaskedSignals&) = delete;
  UnaskedSignals& operator=(const UnaskedSignals&) = delete;

 private:
  sigset_t ours_, before_;  // those of them that nobody had sent before
};

// Ends the process without waiting for its threads: for one of them that is inside a library which does not return. What it held is as after a crash.
[[noreturn]] void leave_without_waiting(int code) noexcept;

// SIGTERM, SIGINT (stop) and SIGHUP (reload) blocked and read from a descriptor: no handler ever runs code.
// Make it before any thread starts; any thread may ask it.
class StopSignal {
 public:
  StopSignal();
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }  // readable when a signal is pending
  [[nodiscard]] bool stop_requested();    // reads what is pending; once true, stays true
  [[nodiscard]] bool reload_requested();  // true once per SIGHUP

 private:
  void drain();
  Fd fd_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> reload_ = false;
};

}  // namespace shutterseal
