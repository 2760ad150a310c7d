// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/silence.h"

#include <algorithm>

#include "src/base/error.h"

namespace shutterseal::ingestd {

static constexpr TimeMs kTouchInterval = 10'000;  // the file's time may be so much too early: for people, nothing is decided by it
static constexpr int kMostSaved = 16;             // in a look: each is synced, and commits may wait for it

Silence::Silence(server::HeardFiles files, const registry::Registry& registry, std::int64_t after_ms)
    : files_(std::move(files)), registry_(registry), after_ms_(after_ms) {
  files_.make();
  for (const auto& id : files_.list())
    if (const auto heard = files_.find(id)) entries_[id] = {*heard, monotonic_ms(), heard->last, false};
}

void Silence::save_one(const CameraId& id, Entry& entry) {
  files_.write(id, entry.heard);
  entry.touched = entry.heard.last;
  entry.unsaved = false;
}

void Silence::touch(const CameraId& id, Entry& entry) const {
  if (entry.unsaved || std::abs(entry.heard.last - entry.touched) < kTouchInterval) return;
  files_.touch(id, entry.heard.last);
  entry.touched = entry.heard.last;
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
  entry.heard = {received_at, interval_ms.value_or(before.interval_ms), std::nullopt};
  // A camera that states another interval in each of a thousand heartbeats must not have each synced here, inside a commit.
  entry.unsaved = entry.unsaved || first || before.interval_ms != entry.heard.interval_ms;
  if (!before.silent_since) {
    touch(id, entry);
    return std::nullopt;
  }
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

std::vector<Silence::Word> Silence::look() {
  std::vector<Word> fallen;
  const auto now = monotonic_ms();
  int saved = 0;
  for (auto& [id, entry] : entries_) {
    if (entry.unsaved && saved++ < kMostSaved) save_one(id, entry);
    const auto limit = patience(entry);
    if (limit == 0 || entry.heard.silent_since || now - entry.since <= limit) continue;
    if (!is_active(id)) {
      entry.since = now;  // once it may send again, it has its time
      continue;
    }
    entry.heard.silent_since = entry.heard.last;
    save_one(id, entry);
    fallen.push_back({id, true, entry.heard.last, limit});
  }
  return fallen;
}

}  // namespace shutterseal::ingestd
