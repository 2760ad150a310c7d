// SPDX-License-Identifier: Apache-2.0
#include "src/base/error.h"

#include <sysexits.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "src/base/text.h"

namespace shutterseal {

int exit_code(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage: return EX_USAGE;
    case ErrorKind::data: return EX_DATAERR;
    case ErrorKind::no_input: return EX_NOINPUT;
    case ErrorKind::unknown: return EX_NOUSER;
    case ErrorKind::unavailable: return EX_UNAVAILABLE;
    case ErrorKind::internal: return EX_SOFTWARE;
    case ErrorKind::system: return EX_OSERR;
    case ErrorKind::cannot_create: return EX_CANTCREAT;
    case ErrorKind::io: return EX_IOERR;
    case ErrorKind::temporary: return EX_TEMPFAIL;
    case ErrorKind::protocol: return EX_PROTOCOL;
    case ErrorKind::permission:
    case ErrorKind::wrong_pin: return EX_NOPERM;
    case ErrorKind::config: return EX_CONFIG;
  }
  return EX_SOFTWARE;
}

std::string errno_text(int error_number) {
  char buffer[128];
  std::string text = strerror_r(error_number, buffer, sizeof buffer);
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

static ErrorKind kind_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR: return ErrorKind::no_input;
    case EACCES:
    case EPERM: return ErrorKind::permission;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN: return ErrorKind::system;
    default: return ErrorKind::io;
  }
}

void throw_errno(std::string_view action, std::string_view subject, int error_number) {
  throw Error(kind_of_errno(error_number),
              std::string(action) + " '" + escape_untrusted(subject, kLongestSubject) + "': " + errno_text(error_number), error_number);
}

void throw_errno(std::string_view action, std::string_view subject) { throw_errno(action, subject, errno); }

void bug(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "shutterseal: bug: %s does not hold at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace shutterseal
