// SPDX-License-Identifier: Apache-2.0
// Where `open` writes what it opened. SECURITY: names and content are a camera's word, and the camera may be a thief's: so a name says what a thing is to
// the custodian's desktop only as we looked, and nothing in it reaches a shell, a terminal or another file system as anything but letters.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "src/base/fd.h"
#include "src/envelope/envelope.h"

namespace shutterseal::custody {

inline constexpr std::size_t kLongestStem = 100;

// What is left of a camera's name without its extension: letters of ASCII, digits, '-', '_' and '+', at most kLongestStem, neither '-' nor '_' at the
// ends, no name that Windows keeps for a device; "unnamed" when nothing is.
[[nodiscard]] std::string safe_stem(std::string_view name);
// ".jpg" for an image that begins as one, ".txt" for an event that is plain text, else ".bin".
[[nodiscard]] std::string_view suffix_of(envelope::Kind kind, ByteView content);

class Album {
 public:
  explicit Album(const std::string& path);  // made when it is missing, 0700
  struct Kept {
    std::string path;
    bool is_as_said = true;  // false: no picture, or no text
  };
  // Never over another file: where the name is taken by other octets, also but for capitals, chain and sequence stand in front, then also the digest.
  // The same picture again keeps its name. Its time is the camera's claim.
  [[nodiscard]] Kept keep(envelope::Kind kind, const envelope::Opened& opened);

 private:
  [[nodiscard]] bool is_free(const std::string& name);
  std::string path_;
  Fd dir_;
  std::map<std::string, std::string> names_;  // by their small letters
};

}  // namespace shutterseal::custody
