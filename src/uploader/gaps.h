// SPDX-License-Identifier: Apache-2.0
// What this camera lost, said by itself: a signed event for what was sealed and is neither here nor receipted, for what the server refused, and for
// pictures that were never sealed. A hole in the chain shows without it; that the camera knows of it, how much it is and why, does not.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/uploader/chain.h"

namespace shutterseal::uploader {

// Of one chain, sealed.
struct Gap {
  ChainId chain;
  std::uint64_t first = 0, last = 0;
  std::string reason;      // "vanished", "damaged" or "refused"
  bool elsewhere = false;  // not of the chain that says it
  friend bool operator==(const Gap&, const Gap&) = default;
};
[[nodiscard]] std::string note_of(const Gap& gap);  // "gap 12-19 vanished", "gap 3-3 refused of 5f3a9c1e"
[[nodiscard]] std::string text_of(const Gap& gap);  // for custodians

// Sequences of the present chain that are in none of the lists and in no run that was receipted. None when too many runs were receipted to remember
// them all: what is forgotten must not be called lost.
[[nodiscard]] std::vector<Gap> find_vanished(const ChainState& state, const std::vector<EnvelopeName>& here, const SentRuns& sent);
// Of envelopes in refused/ or damaged/ that no receipt covered all the same, neighbours joined.
[[nodiscard]] std::vector<Gap> find_put_aside(std::vector<EnvelopeName> names, const std::string& reason, const ChainId& present, const SentRuns& sent);

// state/gaps: what was said already, so that it is said once, and what the server still holds of a run that it lost in part ("held"). A crash between
// the event and this file says it twice. An event that is damaged itself is in it as "event": or each statement would cause the next. For the two threads.
class StatedGaps {
 public:
  explicit StatedGaps(std::string file);
  [[nodiscard]] std::vector<Gap> without(const std::vector<Gap>& gaps) const;  // what is left of them
  void add(const std::vector<Gap>& gaps);
  [[nodiscard]] static std::string format(const std::vector<Gap>& gaps);
  [[nodiscard]] static std::vector<Gap> parse(std::string_view text, const std::string& file);  // damaged: nothing was said

 private:
  std::string file_;
  mutable std::mutex mutex_;
  std::vector<Gap> stated_;
};

// Pictures without a sequence: counted by reason, said at once and then at most every ten minutes. In state/losses until they are said: a kill in these
// minutes would forget them. A crash between the event and this file says them twice.
class LossCounter {
 public:
  explicit LossCounter(std::string file);
  using Counts = std::map<std::string, std::uint64_t>;
  void add(const std::string& reason, std::uint64_t count);
  [[nodiscard]] Counts due(std::int64_t now, bool ending);  // `ending`: all, whatever the time
  void stated(const std::string& reason, std::uint64_t count);

 private:
  void save() const;
  std::string file_;
  Counts counts_;
  std::int64_t next_ = 0;
};
[[nodiscard]] std::string note_of_losses(const std::string& reason, std::uint64_t count, TimeMs when);  // "gap 3 rejected 2026-…"

// state/unsealed: originals that wait in the capture directory while the spool is full, where the camera software may overwrite them.
class Unsealed {
 public:
  explicit Unsealed(const std::string& dir);
  using Names = std::set<std::string>;
  void look(const Names& waiting);                                // while it is full; those of the last look that are gone are lost
  [[nodiscard]] std::uint64_t lost(const Names& present) const;  // so far
  void save();                                                    // what look() has not written: it does once a minute
  void forget();                                                  // it has room again, and the loss was said
  [[nodiscard]] bool is_open() const { return since_ != 0; }
  [[nodiscard]] TimeMs since() const { return since_; }

 private:
  std::string dir_, file_;
  Names waiting_;
  std::uint64_t lost_ = 0;
  TimeMs since_ = 0;
  bool unsaved_ = false;
  std::int64_t next_save_ = 0;  // monotonic
};

}  // namespace shutterseal::uploader
