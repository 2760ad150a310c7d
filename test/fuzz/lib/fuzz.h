// SPDX-License-Identifier: Apache-2.0
// What every target shares: how a broken promise is reported, and what is promised of every text that leaves the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace shutterseal::fuzz {

[[noreturn]] void broken(const char* promise, const char* file, int line) noexcept;
// Not assert(): a build with NDEBUG would promise nothing.
#define HOLDS(promise) (static_cast<bool>(promise) ? static_cast<void>(0) : ::shutterseal::fuzz::broken(#promise, __FILE__, __LINE__))

[[nodiscard]] bool has_control(std::string_view text) noexcept;
// No octet that a terminal, a log reader or fail2ban could take for anything but a character of this line.
[[nodiscard]] bool is_printable_line(std::string_view text) noexcept;

// A file of this process's own, replaced by each input; below TMPDIR.
[[nodiscard]] const std::string& scratch_dir();
void put_file(const std::string& path, std::string_view content);

}  // namespace shutterseal::fuzz
