// SPDX-License-Identifier: Apache-2.0
// What keeps pictures from being sealed, and mends itself or not: said once in the log when it begins and once when it ends, shown by status, and stated in
// the chain ("trouble ...") when it lasts. What is lost is a gap (gaps.h), no trouble.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/base/time.h"

namespace shutterseal::uploader {

// Who looks, and so can say that something is over.
enum class Looking { at_place, at_files, at_claims, at_notices };
// `told`: no picture waits for it, so the chain is spared.
enum class Weight { told, stated };

struct Trouble {
  std::string reason;   // our own words: "capture-dir missing", "unreadable"
  std::string subject;  // escaped; a path, mostly
  Looking source = Looking::at_place;
  Weight weight = Weight::stated;
  TimeMs since = 0;
  bool stated = false;
};

// An event that is due: "trouble 3 unreadable", and for custodians which ones.
struct Statement {
  std::string note, text;
};

// state/troubles: so that run, which ends, says each once, too. A damaged file is an empty one.
class Troubles {
 public:
  explicit Troubles(std::string file);
  // Between two settle() of the same source: what it sees now. True: it was not there the last time.
  bool note(Looking source, const std::string& reason, const std::string& subject, Weight weight = Weight::stated);
  // What this source saw no more is over. Gives log lines for what is new and what is over, and remembers.
  [[nodiscard]] std::vector<LogLine> settle(Looking source, TimeMs now);
  // Of troubles that have lasted: each is stated once. Remembered before it is sealed: a crash between the two leaves a trouble unstated that
  // the log and status say.
  [[nodiscard]] std::vector<Statement> due(TimeMs now);
  [[nodiscard]] std::vector<Trouble> all() const;
  [[nodiscard]] std::uint64_t untold() const { return untold_; }  // beyond those that are kept by name

 private:
  struct Known {
    Trouble trouble;
    bool seen = false, fresh = false;
  };
  void load();
  void save();
  std::string file_, saved_;
  std::map<std::string, Known> known_;
  std::map<Looking, std::uint64_t> more_;
  std::uint64_t untold_ = 0;
};

}  // namespace shutterseal::uploader
