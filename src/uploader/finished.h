// SPDX-License-Identifier: Apache-2.0
// Whether a picture is finished. Exact where the kernel says who writes (a read lease is granted only while nobody has the file open for writing). A file of
// another user, and a file system whose writers may be other machines, say nothing: there size and change time must stay as they are for a while.
// Never the modification time: a transfer sets it to whatever the other side says.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "src/base/file.h"

namespace shutterseal::uploader {

enum class Finish {
  whole,      // and nobody writes
  unwhole,    // nobody has touched it for a minute: judged as it is
  young,      // not yet
  untold,     // not yet known: another look, kQuietMs later, will tell
  held,       // somebody has it open for writing
  forgotten,  // and has for so long without a change that somebody should be told
};
inline constexpr std::int64_t kQuietMs = 2'000;

class Finished {
 public:
  explicit Finished(std::uint64_t picture_limit) : picture_limit_(picture_limit) {}
  [[nodiscard]] Finish judge(const HostileFile& file);
  void forget_unseen();  // behind each look at everything

 private:
  struct Seen {
    std::uint64_t size = 0;
    std::int64_t changed_ns = 0;
    std::int64_t since = 0;  // monotonic: as long as it is known to be so
    bool read = false, whole = false, again = false;
  };
  [[nodiscard]] Seen& seen(const struct stat& info);
  [[nodiscard]] bool is_whole(const HostileFile& file, Seen& seen) const;
  std::uint64_t picture_limit_;
  std::map<std::pair<dev_t, ino_t>, Seen> seen_;
};

}  // namespace shutterseal::uploader
