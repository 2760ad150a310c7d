// SPDX-License-Identifier: Apache-2.0
#include "src/base/secret.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"

namespace shutterseal {

static constexpr std::size_t kLongestSecret = 1024;

void wipe(void* memory, std::size_t size) noexcept {
  // An empty vector has no address, and explicit_bzero takes none: an envelope that encrypts nothing comes here.
  if (size != 0) ::explicit_bzero(memory, size);
}

void* allocate_guarded(std::size_t size) {
  auto* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // Best effort: without CAP_IPC_LOCK the limit may be zero, and no passphrase at all would be worse.
  static_cast<void>(::mlock(memory, size));
  static_cast<void>(::madvise(memory, size, MADV_DONTDUMP));
  static_cast<void>(::madvise(memory, size, MADV_WIPEONFORK));
  return memory;
}

void free_guarded(void* memory, std::size_t size) noexcept {
  wipe(memory, size);
  ::munmap(memory, size);
}

Secret::Secret(std::string_view text) {
  octets_.reserve(text.size() + 1);
  octets_.assign(text.begin(), text.end());
  octets_.push_back(0);
  octets_.pop_back();
}

Secret::Secret(Secret&& other) noexcept : octets_(std::exchange(other.octets_, {})) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) octets_ = std::exchange(other.octets_, {});
  return *this;
}

const char* Secret::c_str() const noexcept { return octets_.empty() ? "" : reinterpret_cast<const char*>(octets_.data()); }

void harden_process() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0)
    throw_errno("cannot forbid", "core dumps");
}

static Secret first_line(Bytes&& content) {
  const auto text = as_text(content);
  Secret secret(text.substr(0, std::min(text.find('\n'), text.size())));
  wipe(content.data(), content.size());
  return secret;
}

// Nobody but its service can enter that directory.
static bool is_credential(const std::string& path) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory && *directory == '/' && path.starts_with(std::string(directory) + "/") && path.find("/../") == std::string::npos;
}

Secret read_secret_file(const std::string& path) {
  auto secret = first_line(read_guarded_file(path, kLongestSecret, is_credential(path) ? Secrecy::credential : Secrecy::secret));
  if (secret.empty()) throw Error(ErrorKind::permission, "the passphrase file '" + path + "' is empty");
  return secret;
}

// The terminal without echo while this object lives.
class QuietTerminal {
 public:
  QuietTerminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (!fd_ || ::tcgetattr(fd_.get(), &before_) != 0)
      throw Error(ErrorKind::permission, "no passphrase: give --passphrase-file, or run this on a terminal");
    auto quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_.get(), TCSAFLUSH, &quiet);
  }
  ~QuietTerminal() { ::tcsetattr(fd_.get(), TCSAFLUSH, &before_); }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

  Secret ask(const std::string& question) {
    write_all(fd_.get(), as_bytes(question), "/dev/tty");
    Bytes line(kLongestSecret);
    const auto got = ::read(fd_.get(), line.data(), line.size());
    if (got < 0) throw_errno("cannot read", "/dev/tty");
    line.resize(static_cast<std::size_t>(got));
    write_all(fd_.get(), as_bytes("\n"), "/dev/tty");
    return first_line(std::move(line));
  }

 private:
  Fd fd_;
  termios before_{};
};

Secret prompt_secret(const std::string& question, bool confirm) {
  QuietTerminal terminal;
  auto secret = terminal.ask(question + ": ");
  if (secret.empty()) throw Error(ErrorKind::permission, "an empty passphrase protects nothing");
  if (confirm && terminal.ask("the same again: ").view() != secret.view())
    throw Error(ErrorKind::permission, "the two passphrases differ");
  return secret;
}

Secret obtain_secret(const std::string& file, const std::string& credential, const std::string& question, bool confirm) {
  if (!file.empty()) return read_secret_file(file);
  if (const char* directory = std::getenv("CREDENTIALS_DIRECTORY")) {
    const auto path = std::string(directory) + "/" + credential;
    if (exists(path)) return read_secret_file(path);
  }
  return prompt_secret(question, confirm);
}

}  // namespace shutterseal
