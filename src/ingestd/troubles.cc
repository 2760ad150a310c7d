// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/troubles.h"

#include <utility>

#include "src/base/error.h"
#include "src/base/time.h"
#include "src/server/waiting.h"

namespace shutterseal::ingestd {

static constexpr std::int64_t kSayAgainMs = 600'000, kLastingMs = 60'000, kSavePauseMs = 1'000;

void Troubles::wait(const CameraId& camera, const std::string& reason) {
  const std::lock_guard guard(mutex_);
  const auto now = monotonic_ms();
  const auto [at, is_new] = entries_.try_emplace(camera);
  auto& entry = at->second;
  if (is_new) entry.since = now;
  count_ = entries_.size();
  is_changed_ = is_changed_ || is_new || entry.reason != reason;
  entry.waits = true;
  if (!is_new && entry.reason == reason && now - entry.said < kSayAgainMs) return;
  entry.reason = reason;
  entry.said = now;
  log_.error(LogLine("trouble").field("camera", camera.text()).sentence("reason", reason));
}

bool Troubles::waits(const CameraId& camera) const {
  if (count_ == 0) return false;
  const std::lock_guard guard(mutex_);
  const auto at = entries_.find(camera);
  return at != entries_.end() && at->second.waits;
}

bool Troubles::is_tried(const CameraId& camera) const {
  if (count_ == 0) return false;
  const std::lock_guard guard(mutex_);
  const auto at = entries_.find(camera);
  return at != entries_.end() && !at->second.waits;
}

std::vector<CameraId> Troubles::waiting() const {
  const std::lock_guard guard(mutex_);
  std::vector<CameraId> all;
  for (const auto& [camera, entry] : entries_)
    if (entry.waits) all.push_back(camera);
  return all;
}

void Troubles::try_again(const CameraId& camera) {
  const std::lock_guard guard(mutex_);
  if (const auto at = entries_.find(camera); at != entries_.end()) at->second.waits = false;
}

void Troubles::works(const CameraId& camera) {
  if (count_ == 0) return;
  const std::lock_guard guard(mutex_);
  const auto at = entries_.find(camera);
  if (at == entries_.end() || at->second.waits) return;
  log_.info(LogLine("mended").field("camera", camera.text()).number("seconds", (monotonic_ms() - at->second.since) / 1000));
  entries_.erase(at);
  count_ = entries_.size();
  is_changed_ = true;
  working_.push_back(camera);
}

std::vector<CameraId> Troubles::take_working() {
  const std::lock_guard guard(mutex_);
  return std::exchange(working_, {});
}

void Troubles::forget(const CameraId& camera) {
  const std::lock_guard guard(mutex_);
  if (entries_.erase(camera) != 0) is_changed_ = true;
  count_ = entries_.size();
}

// For people alone: what cannot be written is not waited for. By one thread.
void Troubles::save(std::int64_t now) {
  server::Waiting waiting;
  {
    const std::lock_guard guard(mutex_);
    if (now < next_save_ || !std::exchange(is_changed_, false)) return;
    for (const auto& [camera, entry] : entries_) waiting.emplace(camera, entry.reason);
  }
  next_save_ = now + kSavePauseMs;
  try {
    server::write_waiting(file_, waiting);
  } catch (const Error& error) {
    next_save_ = now + kSayAgainMs;
    log_.error(LogLine("trouble").sentence("reason", error.what()));
  }
}

std::vector<Troubles::Lasting> Troubles::tend() {
  const auto now = monotonic_ms();
  save(now);
  const std::lock_guard guard(mutex_);
  std::vector<Lasting> lasting;
  for (auto& [camera, entry] : entries_)
    if (now - entry.since >= kLastingMs && !std::exchange(entry.is_told, true)) lasting.push_back({camera, entry.reason});
  return lasting;
}

}  // namespace shutterseal::ingestd
