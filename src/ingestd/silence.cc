// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/silence.h"

#include <algorithm>

#include "src/base/error.h"

namespace shutterseal::ingestd {

static constexpr TimeMs kTouchInterval = 10'000;  // the file's time may be so much too early: for people, nothing is decided by it
static constexpr int kMostSaved = 16;             // in a look: each is synced, and commits may wait for it
static constexpr std::int64_t kSavePause = 10'000;  // after a failure

Silence::Silence(server::HeardFiles files, const registry::Registry& registry, std::int64_t after_ms)
    : files_(std::move(files)), registry_(registry), after_ms_(after_ms) {
  files_.make();
  for (const auto& id : files_.list())
    if (const auto heard = files_.find(id)) entries_[id] = {*heard, monotonic_ms(), heard->last, false, heard->untold.has_value(), 0};
}

// A full disk, a file that somebody removed or made a directory: that camera's silence is told all the same, and the others' are saved.
void Silence::guarded(Entry& entry, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    entry.unsaved = true;
    entry.next_save = monotonic_ms() + kSavePause;
    if (!trouble_) trouble_ = error.what();
  }
}

void Silence::save_one(const CameraId& id, Entry& entry) {
  guarded(entry, [&] {
    files_.write(id, entry.heard);
    entry.touched = entry.heard.last;
    entry.unsaved = false;
  });
}

void Silence::touch(const CameraId& id, Entry& entry) {
  if (entry.unsaved || std::abs(entry.heard.last - entry.touched) < kTouchInterval) return;
  guarded(entry, [&] {
    entry.unsaved = !files_.touch(id, entry.heard.last);
    entry.touched = entry.heard.last;
  });
}

void Silence::save_some() {
  int saved = 0;
  for (auto& [id, entry] : entries_) {
    if (!entry.unsaved || monotonic_ms() < entry.next_save) continue;
    save_one(id, entry);
    if (++saved == kMostSaved) return;
  }
}

void Silence::save() {
  for (auto& [id, entry] : entries_)
    if (entry.unsaved) save_one(id, entry);
}

std::optional<Silence::Word> Silence::heard(const CameraId& id, std::optional<std::int64_t> interval_ms, TimeMs received_at) {
  const bool first = !entries_.contains(id);
  auto& entry = entries_[id];
  const auto before = entry.heard;
  const auto waited = monotonic_ms() - entry.since;
  entry.since = monotonic_ms();
  // What waited while the daemon was away may be taken in behind what is newer; a time to come is of a clock that was set back.
  const auto last = before.last <= now_ms() ? std::max(before.last, received_at) : received_at;
  entry.heard = {last, interval_ms.value_or(before.interval_ms), std::nullopt, before.silent_since ? before.silent_since : before.untold};
  // A camera that states another interval in each of a thousand heartbeats must not have each synced here, inside a commit.
  entry.unsaved = entry.unsaved || first || before.interval_ms != entry.heard.interval_ms;
  if (!before.silent_since) {
    touch(id, entry);
    return std::nullopt;
  }
  entry.owed = false;
  save_one(id, entry);
  return Word{id, false, *before.silent_since, std::max(waited, received_at - *before.silent_since)};
}

// A heartbeat may be late by a whole interval: a line that is down for a moment, a cron job that ran a little later.
std::int64_t Silence::patience(const Entry& entry) const { return std::max(after_ms_, 2 * entry.heard.interval_ms); }

// A folder that is broken or gone: nobody's silence to tell.
bool Silence::is_active(const CameraId& id) const {
  try {
    const auto camera = registry_.find(id);
    return camera && camera->state == registry::State::active;
  } catch (const Error&) {
    return false;
  }
}

Silence::Word Silence::word_of(const CameraId& id, const Entry& entry) const {
  const auto last = entry.heard.untold.value_or(entry.heard.last);
  const bool silent = entry.heard.silent_since.has_value();
  return {id, silent, last, silent ? patience(entry) : entry.heard.last - last};
}

void Silence::told(const CameraId& id, bool silent) {
  const auto entry = entries_.find(id);
  // Meanwhile the opposite may have happened, which is to be told yet.
  if (entry == entries_.end() || !entry->second.heard.untold || silent != entry->second.heard.silent_since.has_value()) return;
  entry->second.heard.untold.reset();
  entry->second.unsaved = true;
}

std::vector<Silence::Word> Silence::look() {
  std::vector<Word> fallen;
  const auto now = monotonic_ms();
  for (auto& [id, entry] : entries_) {
    if (std::exchange(entry.owed, false)) fallen.push_back(word_of(id, entry));
    const auto limit = patience(entry);
    if (limit == 0 || entry.heard.silent_since || now - entry.since <= limit) continue;
    if (!is_active(id)) {
      entry.since = now;  // once it may send again, it has its time
      continue;
    }
    entry.heard.silent_since = entry.heard.untold = entry.heard.last;
    save_one(id, entry);
    fallen.push_back(word_of(id, entry));
  }
  save_some();
  return fallen;
}

}  // namespace shutterseal::ingestd
