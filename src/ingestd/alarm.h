// SPDX-License-Identifier: Apache-2.0
// Alarms: what a stored event, or a camera's silence, makes the daemon say and have done. A log line at once; the configured command by way of the
// alert runner (alert_runner.h), which is another process, in the shipped units one outside of the daemon's fence.
//
// SECURITY: an event is believed once its envelope was verified and is on stable storage, never before. Its note is a camera's words. A flood of
// events costs one command a camera and kind in `alert-pause`, twenty in a moment, one in ten seconds from then on: the rest is counted.
// What was alerted is noted when the runner said that the command has started: a crash before that alerts it again, and none is lost.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/base/fd.h"
#include "src/base/log.h"
#include "src/ingestd/settings.h"
#include "src/ingestd/silence.h"
#include "src/ledger/index.h"

namespace shutterseal::ingestd {

using EventKey = std::pair<TimeMs, Digest>;  // received at

// What the command is told: the values of its environment, all printable ASCII.
struct Alert {
  std::string camera;  // "-": of several cameras
  std::string kind;    // tamper, power, cover, gap, other; silent, back, heartbeat-changed; many: a summary of those that were too many
  std::string chain, sequence, sealed, received;  // of an event; else empty
  std::uint64_t count = 1;  // so many were like this one since the last command
  std::string note;    // escaped
  // The daemon's own, told to nobody: the events in it, the first hundred, and when the oldest came.
  std::vector<EventKey> events = {};
  TimeMs oldest = kLatestTime;
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
  // Of a camera's `silent` and `back` the newer one alone waits: it says both.
  void add(Alert alert);
  // The next that may go, or a summary of all that wait when they are too many; it stays until `sent`.
  [[nodiscard]] std::optional<Alert> next(std::int64_t now);
  void sent(const Alert& alert, std::int64_t now);  // on its way: to one of the next three, in order
  [[nodiscard]] std::vector<Alert> started();       // the command of the oldest on its way has: what it tells of
  void not_started(std::int64_t now);               // it could not be: it waits again, for the pause
  void line_lost();                                 // nothing is on its way any more: all wait again, and may go at once
  [[nodiscard]] bool is_on_its_way() const { return !on_its_way_.empty(); }
  [[nodiscard]] TimeMs oldest() const;              // when the oldest event came that waits or is on its way; kLatestTime: none
  [[nodiscard]] std::optional<Alert> rest() const;  // all that waits, as one: for the end

 private:
  using Key = std::pair<std::string, std::string>;  // camera, kind
  static constexpr std::uint64_t kBurst = 20;
  [[nodiscard]] static std::optional<Key> opposite_of(const Key& key);
  [[nodiscard]] Alert summary() const;
  void refill(std::int64_t now);
  void put_back(Alert alert);
  std::int64_t pause_ms_, refilled_ = 0;
  std::uint64_t tokens_ = kBurst;
  std::map<Key, Alert> waiting_;
  std::map<Key, std::int64_t> not_before_;
  std::deque<std::vector<Alert>> on_its_way_;  // each: what one message tells of
};

// The daemon's end of the alert runner: the shipped socket when somebody listens there, else a process of its own. Not thread-safe.
class AlertLine {
 public:
  AlertLine(const Context& context, const Log& log);
  ~AlertLine();  // waits for the commands of a runner of its own: their time is limited
  AlertLine(const AlertLine&) = delete;
  AlertLine& operator=(const AlertLine&) = delete;
  [[nodiscard]] bool send(const Alert& alert);  // false: not now
  // What the runner said of the oldest alert that it has no answer to. `lost`: nobody is there, and will say anything of what was sent before.
  enum class Answer { none, started, not_started, lost };
  [[nodiscard]] Answer answer();
  [[nodiscard]] Answer last_answer();  // nothing more will be sent; waits for some seconds

 private:
  [[nodiscard]] bool open();
  [[nodiscard]] bool connect();
  void spawn();
  void lose(const std::string& reason);
  void end_runner();
  const Context& context_;
  const Log& log_;
  Fd socket_;
  pid_t runner_ = -1;
  std::int64_t next_try_ = 0, last_until_ = 0;
};

// May be told by one thread while another tends.
class Alarms {
 public:
  Alarms(const Context& context, const registry::Registry& registry, const Log& log);
  ~Alarms();
  // Events that were stored and not alerted before a crash. Once, at start, after adoption of `adopted`.
  void catch_up(const ledger::Index& index, const std::vector<ledger::Row>& adopted);
  void stored(const std::vector<ledger::Row>& rows);  // after their commit
  void tend();                                        // every second or so: silence, what waits
  void waits(const CameraId& camera, const std::string& reason);  // for long: nothing of it is stored

 private:
  void load();
  void take(const ledger::Row& row);
  void hear(const ledger::Row& row);
  void say(const Silence::Word& word);
  void say_changed(const Silence::Word& word);
  void raise(Alert alert);
  void told(const Alert& alert);
  void flush();
  [[nodiscard]] bool take_answer(AlertLine::Answer answer);
  void send_rest();
  void remember();
  void guarded(const std::function<void()>& work);
  const Context& context_;
  const Log& log_;
  std::mutex mutex_;
  Silence silence_;
  AlertQueue queue_;
  AlertLine line_;
  TimeMs handled_ = 0, newest_ = 0;  // events received up to then were alerted; the newest envelope
  std::set<EventKey> told_;          // events after `handled_` that were, too: groups are not committed in the order in which they came
  std::string remembered_;           // what the file says
  std::int64_t next_remember_ = 0;   // monotonic
};

}  // namespace shutterseal::ingestd
