// SPDX-License-Identifier: Apache-2.0
// Secrets in memory: locked against swap where the limit allows, wiped when done; and a process that leaves no core dump.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/bytes.h"

namespace shutterseal {

void wipe(void* memory, std::size_t size) noexcept;  // not removed by the optimiser

// Whole pages for secrets alone: in no core dump, in no child, locked against swap where the limit allows, wiped before they are given back.
// (Within the heap, unlocking one secret would unlock its neighbours: mlock(2) does not nest.)
[[nodiscard]] void* allocate_guarded(std::size_t size);
void free_guarded(void* memory, std::size_t size) noexcept;
template <class T>
struct GuardedAllocator {
  using value_type = T;
  [[nodiscard]] T* allocate(std::size_t count) { return static_cast<T*>(allocate_guarded(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept { free_guarded(memory, count * sizeof(T)); }
  friend bool operator==(const GuardedAllocator&, const GuardedAllocator&) = default;
};

// A passphrase. Move-only; its octets never leave through a copy, a log or an argument list.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() = default;
  [[nodiscard]] std::string_view view() const noexcept { return as_text(octets_); }
  [[nodiscard]] const char* c_str() const noexcept;  // with a final NUL, for C libraries
  [[nodiscard]] bool empty() const noexcept { return octets_.empty(); }

 private:
  std::vector<std::uint8_t, GuardedAllocator<std::uint8_t>> octets_;  // one more octet than size(): the NUL stands behind, in capacity
};

// No core dump, no ptrace by others of the same user (PR_SET_DUMPABLE 0, RLIMIT_CORE 0). First statement of every main.
void harden_process();

// The first line of a file that only its owner can read (0600; Error permission otherwise), without the newline, at most 1024 octets.
[[nodiscard]] Secret read_secret_file(const std::string& path);
// Asks on the terminal without echo; twice and compared when `confirm`. Error permission without a terminal.
[[nodiscard]] Secret prompt_secret(const std::string& question, bool confirm);
// The passphrase from, in turn: `file` if not empty; $CREDENTIALS_DIRECTORY/`credential` (systemd); the terminal.
[[nodiscard]] Secret obtain_secret(const std::string& file, const std::string& credential, const std::string& question, bool confirm);

}  // namespace shutterseal
