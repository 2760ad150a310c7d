// SPDX-License-Identifier: Apache-2.0
// Alarms: what a stored event, or a camera's silence, makes the daemon say and have done. A log line at once; the configured command by way of the
// alert runner (alert_runner.h), which is another process, in the shipped units one outside of the daemon's fence.
//
// SECURITY: an event is believed once its envelope was verified and is on stable storage, never before. Its note is a camera's words. A flood of
// events costs one command a camera and kind in `alert-pause`, twenty in a moment, one in ten seconds from then on: the rest is counted.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "src/base/fd.h"
#include "src/base/log.h"
#include "src/ingestd/settings.h"
#include "src/ingestd/silence.h"
#include "src/ledger/index.h"

namespace shutterseal::ingestd {

// What the command is told: the values of its environment, all printable ASCII.
struct Alert {
  std::string camera;  // "-": of several cameras
  std::string kind;    // tamper, power, cover, gap, other; silent, back; many: a summary of those that were too many
  std::string chain, sequence, sealed, received;  // of an event; else empty
  std::uint64_t count = 1;  // so many were like this one since the last command
  std::string note;    // escaped
};
inline constexpr std::size_t kLargestAlert = 2048;
[[nodiscard]] std::string format_alert(const Alert& alert);                        // "NAME=VALUE" a line
[[nodiscard]] std::optional<Alert> parse_alert(std::string_view text);             // exactly what format_alert makes
[[nodiscard]] std::vector<std::string> environment_of(const Alert& alert);         // "SHUTTERSEAL_CAMERA=101", …
// The first word of the note when it is one that we know.
[[nodiscard]] std::string_view kind_of(std::string_view note);

// Which alerts may go now. Bounded: one entry a camera and kind.
class AlertQueue {
 public:
  explicit AlertQueue(std::int64_t pause_ms) : pause_ms_(pause_ms) {}
  void add(Alert alert);
  // The next that may go, or a summary of all that wait when they are too many; it stays until `sent`.
  [[nodiscard]] std::optional<Alert> next(std::int64_t now);
  void sent(const Alert& alert, std::int64_t now);
  [[nodiscard]] std::optional<Alert> rest() const;  // all that waits, as one: for the end

 private:
  using Key = std::pair<std::string, std::string>;  // camera, kind
  static constexpr std::uint64_t kBurst = 20;
  [[nodiscard]] Alert summary() const;
  void refill(std::int64_t now);
  std::int64_t pause_ms_, refilled_ = 0;
  std::uint64_t tokens_ = kBurst;
  std::map<Key, Alert> waiting_;
  std::map<Key, std::int64_t> not_before_;
};

// The daemon's end of the alert runner: the shipped socket when somebody listens there, else a process of its own. Not thread-safe.
class AlertLine {
 public:
  AlertLine(const Context& context, const Log& log);
  ~AlertLine();  // waits for the commands of a runner of its own: their time is limited
  AlertLine(const AlertLine&) = delete;
  AlertLine& operator=(const AlertLine&) = delete;
  [[nodiscard]] bool send(const Alert& alert);  // false: not now

 private:
  [[nodiscard]] bool open();
  [[nodiscard]] bool connect();
  void spawn();
  void end_runner();
  const Context& context_;
  const Log& log_;
  Fd socket_;
  pid_t runner_ = -1;
  std::int64_t next_try_ = 0;
};

// May be told by one thread while another tends.
class Alarms {
 public:
  Alarms(const Context& context, const registry::Registry& registry, const Log& log);
  ~Alarms();
  // Events that were stored and not alerted before a crash. Once, at start, after adoption.
  void catch_up(const ledger::Index& index);
  void stored(const std::vector<ledger::Row>& rows);  // after their commit
  void tend();                                        // every second or so: silence, what waits

 private:
  void take(const ledger::Row& row);
  void say(const Silence::Word& word);
  void raise(Alert alert);
  void flush();
  void remember();
  void guarded(const std::function<void()>& work);
  const Context& context_;
  const Log& log_;
  std::mutex mutex_;
  Silence silence_;
  AlertQueue queue_;
  AlertLine line_;
  TimeMs handled_ = 0, remembered_ = 0;  // events received up to then were alerted; what the file says
  std::int64_t next_remember_ = 0;       // monotonic
};

}  // namespace shutterseal::ingestd
