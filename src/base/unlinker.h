// SPDX-License-Identifier: Apache-2.0
// Removing many files that nothing needs any more. A name is gone when unlink() returns; that the disk has the octets back is waited for in another
// thread: a file system that discards what it frees takes longer for that than for writing it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/assistant.h"
#include "src/base/fd.h"

namespace shutterseal {

class Unlinker {
 public:
  void unlink(int dir, const std::string& name);  // like unlink_at()
  void flush();                                   // after the last one of many; no promise of a file rests on it

 private:
  std::vector<Fd> gone_, closing_;  // the octets are freed when the last descriptor is closed
  Assistant assistant_;
  std::optional<Assistant::Task> freeing_;  // of closing_
};

}  // namespace shutterseal
