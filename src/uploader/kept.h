// SPDX-License-Identifier: Apache-2.0
// kept/: what a receipt covers, for as long as `keep` says. A file's time there is that of the receipt that covered it, and its age is counted up to the
// newest receipt: by times that the server signed, and by no camera's clock.
#pragma once

#include <string>

#include "src/base/time.h"
#include "src/base/unlinker.h"
#include "src/uploader/settings.h"

namespace shutterseal::uploader {

// The newest signed time, as far as it is believed. A server's clock may jump, too: a step ahead of more than a day counts when receipts have said it
// for an hour, by their own count. So a clock that is ahead for less costs nothing that is younger than a day less than `keep`; and after a camera was
// away for a month its old files stay for an hour more.
class AgeClock {
 public:
  // `file` is there while a step is doubted; `known`: the time of the newest receipt that was seen, 0 without one.
  AgeClock(std::string file, TimeMs known);
  void hear(TimeMs receipt);
  [[nodiscard]] TimeMs now() const { return now_; }  // 0: no receipt yet, and nothing has an age
  [[nodiscard]] bool is_doubting() const { return doubted_since_ != 0; }

 private:
  void save() const;
  std::string file_;
  TimeMs now_ = 0, doubted_since_ = 0;
};

void keep_file(int dir, const std::string& name, int kept, TimeMs receipted, const std::string& where);
// What is too old, or too much, oldest first.
void prune_kept(int kept, const Keep& keep, const AgeClock& clock, Unlinker& unlinker);

}  // namespace shutterseal::uploader
