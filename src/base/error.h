// SPDX-License-Identifier: Apache-2.0
// What the world did wrong (Error), what we did wrong (bug_unless). What an attacker may cause is neither: see verdict.h.
//
// Error is the only exception type of this project. It is thrown where the work cannot go on, caught once in a program's
// run_main (program.h) or at the loop that can try again, and never carries a secret. Its text is one line, lower case,
// without a full stop: cannot open '/etc/x': permission denied.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace shutterseal {

// Each kind has one exit code (sysexits.h); exit_code() is the only place that maps them.
enum class ErrorKind {
  usage,        // EX_USAGE 64: the command line
  data,         // EX_DATAERR 65: input that is not what it should be (a picture, a request, a certificate)
  no_input,     // EX_NOINPUT 66: a named file that is missing or unreadable
  unknown,      // EX_NOUSER 67: a camera or account that does not exist
  unavailable,  // EX_UNAVAILABLE 69: a service or helper that does not answer
  internal,     // EX_SOFTWARE 70: a library failed where it cannot
  system,       // EX_OSERR 71: no memory, no process, no descriptor
  cannot_create,// EX_CANTCREAT 73: an output that cannot be made or exists already
  io,           // EX_IOERR 74: reading or writing failed, disk full
  temporary,    // EX_TEMPFAIL 75: locked, link down: try again later
  protocol,     // EX_PROTOCOL 76: the other side breaks the protocol or is not who it should be
  permission,   // EX_NOPERM 77: a wrong passphrase or key, a file with the wrong owner or mode
  wrong_pin,    // EX_NOPERM 77, too: by a chip that counts such mistakes, and locks
  config,       // EX_CONFIG 78: a configuration file
};

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message, int error_number = 0) : kind_(kind), message_(std::move(message)), number_(error_number) {}
  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] int number() const noexcept { return number_; }  // errno, where a system call failed: who must know a full disk from a folder in the way
  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorKind kind_;
  std::string message_;
  int number_ = 0;
};

[[nodiscard]] int exit_code(ErrorKind kind) noexcept;

// "permission denied": strerror without its capital letter.
[[nodiscard]] std::string errno_text(int error_number);

// Throws Error{kind, "ACTION 'SUBJECT': ERRNO TEXT"}. SUBJECT is escaped, so a hostile file name may stand there.
// throw_errno chooses the kind from errno: ENOENT no_input, EACCES/EPERM permission, ENOMEM/EMFILE/ENFILE system, else io.
[[noreturn]] void throw_errno(std::string_view action, std::string_view subject, int error_number);
[[noreturn]] void throw_errno(std::string_view action, std::string_view subject);

// Our own bug: says where and aborts. Never used on anything that came from outside.
[[noreturn]] void bug(const char* condition, const char* file, int line) noexcept;
#define SHUTTERSEAL_BUG_UNLESS(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::shutterseal::bug(#condition, __FILE__, __LINE__))

}  // namespace shutterseal
