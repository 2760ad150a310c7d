// SPDX-License-Identifier: Apache-2.0
// The spool: sealed envelopes that no receipt covers yet, one file each. The directory is the truth; this object mirrors it for two threads, the one
// that seals and the one that sends. It never deletes what it was not told to. Beside it, each in its folder: refused/ (by the server), damaged/ (by
// the disk) and kept/ (receipted, see `keep`).
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/base/fd.h"
#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/base/unlinker.h"
#include "src/uploader/envelope_file.h"
#include "src/uploader/kept.h"
#include "src/uploader/settings.h"

namespace shutterseal::uploader {

struct Backlog {
  std::size_t count = 0;
  std::uint64_t octets = 0;
  std::size_t unsent = 0, awaiting = 0;  // awaiting: sent, not yet covered
  TimeMs oldest = 0;                     // 0: none
};

class Spool {
 public:
  explicit Spool(const std::string& path);
  [[nodiscard]] int dir() const { return dir_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  // Takes in what others sealed. The caller holds the chain lock: a name must not be sent before its group is on stable storage.
  void refresh();
  void add(const std::vector<Envelope>& sealed);  // after their commit; wakes the sender
  [[nodiscard]] Backlog backlog() const;
  [[nodiscard]] bool contains(const EnvelopeName& name) const;
  [[nodiscard]] bool contradicts(const EnvelopeName& name) const;  // another envelope has this place in the chain
  [[nodiscard]] std::optional<EnvelopeName> by_digest(const Digest& digest) const;

  // Those never sent or sent longer than `resend_after` ago, in order: events, or else pictures. Empty: nothing to do.
  [[nodiscard]] std::vector<Envelope> due(std::int64_t now, std::int64_t resend_after, std::uint64_t octets, std::size_t most) const;
  void mark_sent(const std::vector<Envelope>& sent, std::int64_t now);
  void send_alone(const std::vector<EnvelopeName>& names);

  // ---- damage: an envelope that is not what its name says is put aside, alone, and never sent
  void suspect(const EnvelopeName& name);  // to be read whole before it is sent
  // Reads it. One that was suspected three times and reads well each time is damaged as well: what is read differs.
  [[nodiscard]] Examined examine(const EnvelopeName& name);
  // To damaged/. False: it cannot be moved either, stays where it is, and is left alone until the next start.
  [[nodiscard]] bool put_aside(const EnvelopeName& name);
  void forget(const EnvelopeName& name);  // it is gone
  [[nodiscard]] bool has_damaged() const;
  [[nodiscard]] std::vector<EnvelopeName> stuck() const;  // those that could not be moved

  // ---- for receipts: what is ours, wherever it lies
  [[nodiscard]] bool holds(const EnvelopeName& name) const;
  void note_link(const EnvelopeName& name, const Digest& previous);  // read from octets that hash to the name
  [[nodiscard]] std::optional<Digest> previous_of(const EnvelopeName& name) const;  // nothing when its octets are not whole
  [[nodiscard]] bool is_waiting(const EnvelopeName& name) const;  // its file is in the spool itself; for before refresh()
  [[nodiscard]] std::vector<EnvelopeName> held_of(const ChainId& chain) const;

  // Covered by a receipt: never due again, and gone after remove(), which may run in another thread than all else that the sender does.
  void let_go(const std::vector<EnvelopeName>& names);
  // Deleted, or moved to kept/ with the receipt's time as its own. Gives why, of those that cannot be: they stay until the next start.
  [[nodiscard]] std::vector<std::string> remove(const std::vector<EnvelopeName>& names, const Keep& keep, TimeMs receipted);
  void refuse(const EnvelopeName& name);                                  // to refused/: never sent again, never deleted
  std::size_t take_back(const std::function<bool(const EnvelopeName&)>& wanted);  // from kept/, to be sent again; how many
  void prune_kept(const Keep& keep, const AgeClock& clock);

  void wake();
  void wait(std::int64_t timeout_ms);  // until wake(), add() or the time

 private:
  struct Item {
    std::uint64_t size = 0;
    TimeMs modified = 0;
    std::int64_t sent_at = -1;  // monotonic; -1: never
    bool alone = false, event = false, leaving = false, suspect = false;
    int suspicions = 0;
    std::optional<Digest> previous;  // where it is known for sure
  };
  [[nodiscard]] std::vector<Envelope> due_of(bool events, std::int64_t before, std::uint64_t octets, std::size_t most) const;
  [[nodiscard]] Item item_of(const Listed& listed) const;
  void expect_same_directory() const;
  [[nodiscard]] Fd folder(const std::string& name) const;
  std::string path_;
  Fd dir_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::map<EnvelopeName, Item> items_;
  std::set<EnvelopeName> stuck_;  // damaged and not to be moved, or covered and not to be removed: as if they were not here
  Unlinker unlinker_;  // the sender's
};

}  // namespace shutterseal::uploader
