// SPDX-License-Identifier: Apache-2.0
// Standard output: all that a command says to people and scripts. A word that cannot be written makes the call a failed one (exit 74), and is not noticed
// before the buffer is full or the call ends: so it never cuts short what the command is doing. What must be out before the command goes on, because
// nobody will ever see it again, is followed by deliver().
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace shutterseal {

// Made printable (text.h); lines stay lines. After a failure nothing more is written.
void put_out(std::string_view text) noexcept;

template <class... Arguments>
void say(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  put_out(fmt::format(format, std::forward<Arguments>(arguments)...));
}

// All that was said is with whoever reads it, or Error io.
void deliver();
// Error io when something was lost already: for loops that do nothing but say.
void stop_if_unheard();
// At the end of a program: deliver(), and what a network file system tells at closing alone.
void close_output();

// A program that is started without one of its three standard descriptors would have the next file that it opens in the place: an index, to which
// it then prints. Instead it gets one that cannot be written to. Before anything is opened.
void guard_standard_descriptors();

}  // namespace shutterseal
