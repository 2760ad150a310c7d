// SPDX-License-Identifier: Apache-2.0
// Who has not been heard for too long. By the monotonic clock, so that a server whose clock is set hears nobody fall silent; counted from the start
// of the daemon at the earliest, so that after a server's own outage each camera has its time to come back. Not thread-safe.
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
  struct Word {
    CameraId camera;
    bool silent = false;         // else: back
    TimeMs last = 0;             // the last envelope before the silence
    std::int64_t after_ms = 0;   // silent: how long was waited; back: how long it was
  };
  // `after_ms`: nobody is silent sooner, and who stated no interval is so then; 0: twice the stated interval alone.
  Silence(server::HeardFiles files, const registry::Registry& registry, std::int64_t after_ms);

  // No trouble with a file throws: it is to be had by take_trouble(), and the file is written later.
  // An envelope of this camera is stored. `interval_ms`: of a heartbeat that stated one. Gives a word when it was silent.
  [[nodiscard]] std::optional<Word> heard(const CameraId& id, std::optional<std::int64_t> interval_ms, TimeMs received_at);
  // Those that fell silent since the last look, and at the first look the words that an earlier daemon did not get told. None falls silent that is
  // not active.
  [[nodiscard]] std::vector<Word> look();
  void told(const CameraId& id, bool silent);  // a word was: no restart says it again
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
  [[nodiscard]] std::int64_t patience(const Entry& entry) const;
  [[nodiscard]] bool is_active(const CameraId& id) const;
  [[nodiscard]] Word word_of(const CameraId& id, const Entry& entry) const;
  void guarded(Entry& entry, const std::function<void()>& work);
  void save_one(const CameraId& id, Entry& entry);
  void touch(const CameraId& id, Entry& entry);
  void save_some();
  server::HeardFiles files_;
  const registry::Registry& registry_;
  std::int64_t after_ms_;
  std::map<CameraId, Entry> entries_;
  std::optional<std::string> trouble_;
};

}  // namespace shutterseal::ingestd
