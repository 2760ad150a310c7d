// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/silence.h"

#include <algorithm>

#include "src/base/error.h"

namespace shutterseal::ingestd {

static constexpr TimeMs kTouchInterval = 10'000;  // the file's time may be so much too early: for people, nothing is decided by it
static constexpr int kMostSaved = 16;             // in a look: each is synced, and commits may wait for it
static constexpr std::int64_t kSavePause = 10'000;  // after a failure
static constexpr TimeMs kProbation = 23LL * 3600 * 1000;  // of another interval: beside pictures there is one heartbeat a day, which may come a little early

Silence::Silence(server::HeardFiles files, const registry::Registry& registry, const Limits& limits)
    : files_(std::move(files)), registry_(registry), limits_(limits) {
  files_.make();
  for (const auto& id : files_.list()) load(id);
}

void Silence::load(const CameraId& id) {
  Entry none;
  std::string damage;
  guarded(none, [&] {
    if (const auto heard = files_.find(id, &damage)) entries_[id] = {*heard, monotonic_ms(), heard->last, false, heard->untold || (heard->claim && heard->claim->untold), 0};
  });
  if (damage.empty()) return;
  if (!trouble_) trouble_ = damage;
  entries_[id].unsaved = true;  // made again
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

// True: it is longer than what counts at once, lets the camera be away for longer, and was not stated before.
bool Silence::state(server::Heard& heard, std::int64_t stated_ms, TimeMs received_at) const {
  const auto kept = heard.claim ? heard.claim->kept_ms : heard.interval_ms;
  const auto before = heard.claim ? heard.claim->stated_ms : heard.interval_ms;
  if (kept == 0 || stated_ms == kept) {
    heard.interval_ms = stated_ms;
    heard.claim.reset();
    return false;
  }
  heard.interval_ms = std::min(stated_ms, kept);
  if (stated_ms != before) {
    const bool is_longer = patience(stated_ms) > patience(kept);
    heard.claim = server::Claim{stated_ms, received_at, kept, is_longer};
    return is_longer;
  }
  heard.claim->since = std::min(heard.claim->since, received_at);  // a clock that was set back
  if (received_at - heard.claim->since < kProbation) return false;
  heard.interval_ms = stated_ms;
  heard.claim.reset();
  return false;
}

std::vector<Silence::Word> Silence::heard(const CameraId& id, std::optional<std::int64_t> interval_ms, TimeMs received_at) {
  const bool first = !entries_.contains(id);
  auto& entry = entries_[id];
  const auto before = entry.heard;
  const auto waited = monotonic_ms() - entry.since;
  entry.since = monotonic_ms();
  // What waited while the daemon was away may be taken in behind what is newer; a time to come is of a clock that was set back.
  const auto last = before.last <= now_ms() ? std::max(before.last, received_at) : received_at;
  entry.heard = {last, before.interval_ms, std::nullopt, before.silent_since ? before.silent_since : before.untold, before.claim};
  std::vector<Word> words;
  if (interval_ms && last == received_at && state(entry.heard, *interval_ms, received_at)) words.push_back({id, What::changed, last, 0, *entry.heard.claim});
  // A camera that states another interval in each of a thousand heartbeats must not have each synced here, inside a commit.
  entry.unsaved = entry.unsaved || first || before.interval_ms != entry.heard.interval_ms || before.claim != entry.heard.claim;
  if (!before.silent_since) {
    touch(id, entry);
    return words;
  }
  entry.owed = false;
  save_one(id, entry);
  words.push_back({id, What::back, *before.silent_since, std::max(waited, received_at - *before.silent_since)});
  return words;
}

// A heartbeat may be late by a whole interval: a line that is down for a moment, a cron job that ran a little later.
std::int64_t Silence::patience(std::int64_t interval_ms) const { return std::max(limits_.after_ms, std::min(2 * interval_ms, limits_.most_ms)); }

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
  return {id, silent ? What::silent : What::back, last, silent ? patience(entry.heard.interval_ms) : entry.heard.last - last};
}

void Silence::told(const CameraId& id, What what) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  auto& heard = entry->second.heard;
  if (what == What::changed) {
    if (!heard.claim || !std::exchange(heard.claim->untold, false)) return;
  } else {
    // Meanwhile the opposite may have happened, which is to be told yet.
    if (!heard.untold || (what == What::silent) != heard.silent_since.has_value()) return;
    heard.untold.reset();
  }
  entry->second.unsaved = true;
}

// What an earlier daemon did not get told.
void Silence::tell_owed(const CameraId& id, Entry& entry, std::vector<Word>& words) const {
  if (!std::exchange(entry.owed, false)) return;
  if (entry.heard.untold) words.push_back(word_of(id, entry));
  if (entry.heard.claim && entry.heard.claim->untold) words.push_back({id, What::changed, entry.heard.last, 0, *entry.heard.claim});
}

std::vector<Silence::Word> Silence::look() {
  std::vector<Word> fallen;
  const auto now = monotonic_ms();
  for (auto& [id, entry] : entries_) {
    tell_owed(id, entry, fallen);
    const auto limit = patience(entry.heard.interval_ms);
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
