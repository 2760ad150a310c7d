// SPDX-License-Identifier: Apache-2.0
// Who has not been heard for too long. By the monotonic clock, so that a server whose clock is set hears nobody fall silent; counted from the start
// of the daemon at the earliest, so that after a server's own outage each camera has its time to come back. Not thread-safe.
//
// SECURITY: how long a camera may be away is its own word, and a thief has its key: he would state a week and switch it off. So a longer interval than
// the one it kept is told at once and counts a day later by the server's clock, if nothing else was stated since; a shorter one counts at once; and
// none lets a camera be away for longer than silent-most.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/registry/registry.h"
#include "src/server/heard.h"

namespace shutterseal::ingestd {

class Silence {
 public:
  enum class What { silent, back, changed };
  struct Word {
    CameraId camera;
    What what = What::silent;
    TimeMs last = 0;             // the last envelope before the silence
    std::int64_t after_ms = 0;   // silent: how long was waited; back: how long it was
    server::Claim claim = {};    // changed: it states that it will be heard more rarely
  };
  struct Limits {
    std::int64_t after_ms = 0;  // nobody is silent sooner, and who stated no interval is so then; 0: twice the stated interval alone
    std::int64_t most_ms = 0;   // no stated interval lets a camera be away for longer
  };
  Silence(server::HeardFiles files, const registry::Registry& registry, const Limits& limits);

  // No trouble with a file throws: it is to be had by take_trouble(), and the file is written later.
  // An envelope of this camera is stored. `interval_ms`: of a heartbeat that stated one. Gives a word when it was silent, and one when
  // it wants to be heard more rarely.
  [[nodiscard]] std::vector<Word> heard(const CameraId& id, std::optional<std::int64_t> interval_ms, TimeMs received_at);
  // Those that fell silent since the last look, and at the first look the words that an earlier daemon did not get told. None falls silent that is
  // not active.
  [[nodiscard]] std::vector<Word> look();
  void told(const CameraId& id, What what);  // a word was: no restart says it again
  void save();  // what is not in the files yet
  [[nodiscard]] std::optional<std::string> take_trouble() { return std::exchange(trouble_, std::nullopt); }

 private:
  struct Entry {
    server::Heard heard;
    std::int64_t since = 0;     // monotonic
    TimeMs touched = 0;         // what the file says
    bool unsaved = false;
    bool owed = false;          // its word is from the file
    std::int64_t next_save = 0;  // monotonic, after a failure
  };
  [[nodiscard]] std::int64_t patience(std::int64_t interval_ms) const;
  [[nodiscard]] bool state(server::Heard& heard, std::int64_t stated_ms, TimeMs received_at) const;
  [[nodiscard]] bool is_active(const CameraId& id) const;
  void tell_owed(const CameraId& id, Entry& entry, std::vector<Word>& words) const;
  [[nodiscard]] Word word_of(const CameraId& id, const Entry& entry) const;
  void guarded(Entry& entry, const std::function<void()>& work);
  void load(const CameraId& id);
  void save_one(const CameraId& id, Entry& entry);
  void touch(const CameraId& id, Entry& entry);
  void save_some();
  server::HeardFiles files_;
  const registry::Registry& registry_;
  Limits limits_;
  std::map<CameraId, Entry> entries_;
  std::optional<std::string> trouble_;
};

}  // namespace shutterseal::ingestd
