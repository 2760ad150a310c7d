// SPDX-License-Identifier: Apache-2.0
// The spool: sealed envelopes that no receipt covers yet, one file each, named CHAIN-SEQUENCE-DIGEST.p7m. The directory is the truth;
// this object mirrors it for two threads, the one that seals and the one that sends. It never deletes what it was not told to.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/base/fd.h"
#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/base/unlinker.h"
#include "src/uploader/settings.h"

namespace shutterseal::uploader {

struct EnvelopeName {
  ChainId chain;
  std::uint64_t sequence = 0;
  Digest digest;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static std::optional<EnvelopeName> parse(std::string_view text);  // exactly what text() makes
  friend auto operator<=>(const EnvelopeName&, const EnvelopeName&) = default;
};

struct Envelope {
  EnvelopeName name;
  std::uint64_t size = 0;
  bool alone = false;  // was in a refused parcel with others: goes alone now
  bool event = false;  // goes before all pictures
};

struct Backlog {
  std::size_t count = 0;
  std::uint64_t octets = 0;
  std::size_t unsent = 0, awaiting = 0;  // awaiting: sent, not yet covered
  TimeMs oldest = 0;                     // 0: none
};

// What a directory listing shows, for reconciling and for status.
struct Listed {
  Envelope envelope;
  TimeMs modified = 0;
};
[[nodiscard]] std::vector<Listed> list_envelopes(int dir);

// What an envelope of our own says in its passage, of its predecessor and of itself; nothing when it cannot be found there.
// Only for files of our own spool: it looks for the one place that the template gives it, near the end of the file.
struct Link {
  Digest previous;
  bool event = false;
};
[[nodiscard]] std::optional<Link> link_of(int dir, const EnvelopeName& name);
[[nodiscard]] std::optional<Link> find_link(ByteView tail, const EnvelopeName& name);

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
  void mark_sent(const std::vector<EnvelopeName>& names, std::int64_t now);
  void send_alone(const std::vector<EnvelopeName>& names);

  // Covered by a receipt: never due again, and gone after remove(), which may run in another thread than all else that the sender does.
  void let_go(const std::vector<EnvelopeName>& names);
  void remove(const std::vector<EnvelopeName>& names, const Keep& keep);  // deleted, or moved to kept/
  void refuse(const EnvelopeName& name);                                  // to refused/: never sent again, never deleted
  std::size_t take_back(const std::function<bool(const EnvelopeName&)>& wanted);  // from kept/, to be sent again; how many
  void prune_kept(const Keep& keep, TimeMs now);

  void wake();
  void wait(std::int64_t timeout_ms);  // until wake(), add() or the time

 private:
  struct Item {
    std::uint64_t size = 0;
    TimeMs modified = 0;
    std::int64_t sent_at = -1;  // monotonic; -1: never
    bool alone = false, event = false, leaving = false;
  };
  [[nodiscard]] std::vector<Envelope> due_of(bool events, std::int64_t before, std::uint64_t octets, std::size_t most) const;
  [[nodiscard]] bool is_event(int dir, const Envelope& envelope) const;
  void forget(const EnvelopeName& name);
  std::string path_;
  Fd dir_, refused_, kept_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::map<EnvelopeName, Item> items_;
  Unlinker unlinker_;  // the sender's
};

}  // namespace shutterseal::uploader
