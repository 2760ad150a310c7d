// SPDX-License-Identifier: Apache-2.0
// When each camera was last heard, and whether it is silent: what the daemon knows and `camera list` shows. One small file a camera, whose
// modification time is the last envelope's, so that a picture costs one system call and no sync: a power cut forgets some seconds of it, and a
// daemon that starts gives each camera its time again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/ids.h"
#include "src/base/time.h"

namespace shutterseal::server {

// What a camera's newest heartbeats say, while that is not yet the interval which it kept.
struct Claim {
  std::int64_t stated_ms = 0;
  TimeMs since = 0;          // the server's clock: the first of those that say so without exception
  std::int64_t kept_ms = 0;  // the longest that counts at once
  bool untold = false;       // no alert of it has started
  friend bool operator==(const Claim&, const Claim&) = default;
};
struct Heard {
  TimeMs last = 0;               // the server's clock
  std::int64_t interval_ms = 0;  // that counts, between two heartbeats; 0: the camera never stated one
  std::optional<TimeMs> silent_since;  // the last envelope before the silence
  std::optional<TimeMs> untold = {};   // the same, while no alert of it, or of its end once it is over, has started
  std::optional<Claim> claim = {};
  friend bool operator==(const Heard&, const Heard&) = default;
};
[[nodiscard]] std::string format_heard(const Heard& heard);                                  // without `last`
[[nodiscard]] std::optional<Heard> parse_heard(std::string_view text, const std::string& file);  // nothing: damaged; Error config: newer

class HeardFiles {
 public:
  explicit HeardFiles(std::string dir) : dir_(std::move(dir)) {}
  void make() const;                                             // the folder
  // Nothing: never heard since this is kept. One camera's file that cannot be read costs the rest of what it says, and nobody else: `damage` says why.
  [[nodiscard]] std::optional<Heard> find(const CameraId& id, std::string* damage = nullptr) const;
  [[nodiscard]] std::vector<CameraId> list() const;
  [[nodiscard]] bool touch(const CameraId& id, TimeMs now) const;  // false: there is no file
  void write(const CameraId& id, const Heard& heard) const;  // durable

 private:
  [[nodiscard]] std::string path_of(const CameraId& id) const { return dir_ + "/" + id.text(); }
  std::string dir_;
};

// "heartbeat 900", a camera's signed word; its note may be any text. Nothing: no heartbeat, or one that states no span between ten seconds and a week.
[[nodiscard]] bool is_heartbeat(std::string_view note);
[[nodiscard]] std::optional<std::int64_t> heartbeat_interval_ms(std::string_view note);

}  // namespace shutterseal::server
