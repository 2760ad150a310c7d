// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/alarm.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <set>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"
#include "src/ingestd/alert_runner.h"

namespace shutterseal::ingestd {

static constexpr std::int64_t kRefillMs = 10'000, kReopenMs = 5'000;
// How often a sync is spent on what was alerted: so much is alerted again after a crash, and so much of the index is read for events by a start.
static constexpr std::int64_t kRememberMs = 5'000;
static constexpr const char* kSeveral = "-";
static constexpr const char* kMany = "many";

// ---- what an alert says -------------------------------------------------------------------------------------------------------------

std::string_view kind_of(std::string_view note) {
  static constexpr std::string_view kKnown[] = {"tamper", "power", "cover", "gap"};
  const auto word = note.substr(0, note.find(' '));
  const auto* const known = std::find(std::begin(kKnown), std::end(kKnown), word);
  return known == std::end(kKnown) ? "other" : *known;
}

static constexpr std::array<const char*, 8> kNames{"CAMERA", "KIND", "CHAIN", "SEQUENCE", "SEALED", "RECEIVED", "COUNT", "NOTE"};

static std::array<std::string, kNames.size()> values_of(const Alert& alert) {
  return {alert.camera, alert.kind, alert.chain, alert.sequence, alert.sealed, alert.received, std::to_string(alert.count), alert.note};
}

std::string format_alert(const Alert& alert) {
  std::string text;
  const auto values = values_of(alert);
  for (std::size_t i = 0; i < values.size(); ++i) text += std::string(kNames[i]) + "=" + values[i] + "\n";
  return text;
}

std::vector<std::string> environment_of(const Alert& alert) {
  std::vector<std::string> environment;
  const auto values = values_of(alert);
  for (std::size_t i = 0; i < values.size(); ++i) environment.push_back("SHUTTERSEAL_" + std::string(kNames[i]) + "=" + values[i]);
  return environment;
}

static std::optional<std::string_view> value_of(std::string_view line, const std::string& name) {
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (!line.starts_with(name + "=") || !std::all_of(line.begin(), line.end(), is_plain)) return std::nullopt;
  return line.substr(name.size() + 1);
}

std::optional<Alert> parse_alert(std::string_view text) {
  const auto lines = split(text, '\n');
  if (text.size() > kLargestAlert || lines.size() != kNames.size() + 1 || !lines.back().empty()) return std::nullopt;
  std::array<std::string, kNames.size()> values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = value_of(lines[i], kNames[i]);
    if (!value) return std::nullopt;
    values[i] = *value;
  }
  const auto count = parse_decimal(values[6], kLargestInteger);
  const bool plain_kind = !values[1].empty() && std::all_of(values[1].begin(), values[1].end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if ((values[0] != kSeveral && !CameraId::parse(values[0])) || !plain_kind || !count) return std::nullopt;
  return Alert{values[0], values[1], values[2], values[3], values[4], values[5], *count, values[7]};
}

// ---- AlertQueue -----------------------------------------------------------------------------------------------------------------------

void AlertQueue::add(Alert alert) {
  const Key key{alert.camera, alert.kind};
  const auto waiting = waiting_.find(key);
  if (waiting != waiting_.end()) alert.count += waiting->second.count;
  waiting_.insert_or_assign(key, std::move(alert));
}

void AlertQueue::refill(std::int64_t now) {
  if (refilled_ == 0) refilled_ = now;
  const auto due = static_cast<std::uint64_t>((now - refilled_) / kRefillMs);
  refilled_ += static_cast<std::int64_t>(due) * kRefillMs;
  tokens_ = std::min(kBurst, tokens_ + due);
  std::erase_if(not_before_, [now](const auto& one) { return one.second <= now; });
}

// The line to the server was cut for an hour: thousands of cameras are silent at once, and one message says so.
Alert AlertQueue::summary() const {
  std::map<std::string, std::uint64_t> kinds;
  std::set<std::string> cameras;
  Alert all{kSeveral, kMany, "", "", "", "", 0, ""};
  for (const auto& [key, alert] : waiting_) {
    cameras.insert(key.first);
    kinds[key.second] += alert.count;
    all.count += alert.count;
  }
  all.note = fmt::format("{} alarms of {} cameras:", all.count, cameras.size());
  for (const auto& [kind, count] : kinds) all.note += fmt::format(" {} {}", kind, count);
  return all;
}

std::optional<Alert> AlertQueue::next(std::int64_t now) {
  refill(now);
  if (tokens_ == 0) return std::nullopt;
  std::vector<const Alert*> due;
  for (const auto& [key, alert] : waiting_)
    if (!not_before_.contains(key)) due.push_back(&alert);
  if (due.empty()) return std::nullopt;
  return tokens_ == 1 && due.size() > 1 ? summary() : *due.front();
}

void AlertQueue::sent(const Alert& alert, std::int64_t now) {
  --tokens_;
  if (alert.kind == kMany) return waiting_.clear();
  waiting_.erase({alert.camera, alert.kind});
  not_before_[{alert.camera, alert.kind}] = now + pause_ms_;
}

std::optional<Alert> AlertQueue::rest() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.size() == 1 ? waiting_.begin()->second : summary();
}

// ---- AlertLine ------------------------------------------------------------------------------------------------------------------------

AlertLine::AlertLine(const Context& context, const Log& log) : context_(context), log_(log) {}

AlertLine::~AlertLine() { end_runner(); }

void AlertLine::end_runner() {
  socket_.reset();
  if (runner_ < 0) return;
  while (::waitpid(runner_, nullptr, 0) < 0 && errno == EINTR) {
  }
  runner_ = -1;
}

bool AlertLine::connect() {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const auto& path = context_.paths.alert_socket;
  if (path.size() >= sizeof address.sun_path) return false;
  std::copy(path.begin(), path.end(), address.sun_path);
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  socket_ = std::move(socket);
  return true;
}

void AlertLine::spawn() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) throw_errno("cannot start", "the alert runner");
  const Fd theirs(ends[1]);
  socket_.reset(ends[0]);
  runner_ = spawn_alert_runner(context_, theirs.get());
}

bool AlertLine::open() {
  if (socket_) return true;
  if (monotonic_ms() < next_try_) return false;
  next_try_ = monotonic_ms() + kReopenMs;
  if (!connect()) spawn();
  return true;
}

bool AlertLine::send(const Alert& alert) {
  if (!open()) return false;
  const auto text = format_alert(alert);
  if (::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) return true;
  if (errno == EAGAIN || errno == EINTR) return false;
  log_.error(LogLine("trouble").sentence("reason", "the alert runner is gone: " + errno_text(errno)));
  // One that no longer reads may still wait for a command: no commit waits for that.
  if (runner_ >= 0) static_cast<void>(::kill(runner_, SIGKILL));
  end_runner();
  return false;
}

// ---- Alarms -----------------------------------------------------------------------------------------------------------------------------

static constexpr const char* kFormat = "1";

static std::string format_handled(TimeMs handled) { return format_key_value("format", kFormat) + format_key_value("handled", std::to_string(handled)); }

static std::optional<TimeMs> read_handled(const std::string& file) {
  if (!exists(file)) return std::nullopt;
  const auto content = read_file(file, kLargestTextFile);
  for (const auto& entry : parse_key_values(as_text(content), file)) {
    if (entry.key == "format" && entry.value != kFormat) fail_at(file, entry.line, "format " + escape_untrusted(entry.value) + " is newer than this program");
    if (entry.key == "handled")
      if (const auto number = parse_decimal(entry.value, kLatestTime)) return static_cast<TimeMs>(*number);
  }
  return std::nullopt;
}

Alarms::Alarms(const Context& context, const registry::Registry& registry, const Log& log)
    : context_(context),
      log_(log),
      silence_(server::HeardFiles(context.paths.heard), registry, context.settings.silent_after_ms),
      queue_(context.settings.alert_pause_ms),
      line_(context, log) {}

Alarms::~Alarms() {
  guarded([this] {
    flush();
    if (const auto rest = queue_.rest()) static_cast<void>(line_.send(*rest));
    remember();
    silence_.save();
  });
}

// What goes wrong here must not stop a commit: the evidence is more than the alarm about it.
void Alarms::guarded(const std::function<void()>& work) {
  const std::lock_guard guard(mutex_);
  try {
    work();
  } catch (const Error& error) {
    log_.error(LogLine("trouble").sentence("reason", error.what()));
  }
}

// What an earlier daemon committed and had no time to alert. Without a file: a server of an older version, whose past is no news.
void Alarms::catch_up(const ledger::Index& index) {
  const std::lock_guard guard(mutex_);
  handled_ = read_handled(context_.paths.alarms).value_or(now_ms());
  index.events_since(handled_ + 1, [this](const ledger::Row& row) {
    if (row.place == ledger::Place::evidence) take(row);
  });
  flush();
  remember();
}

void Alarms::remember() {
  if (handled_ != remembered_) replace_file(context_.paths.alarms, as_bytes(format_handled(handled_)), 0640);
  remembered_ = handled_;
  next_remember_ = monotonic_ms() + kRememberMs;
}

void Alarms::take(const ledger::Row& row) {
  handled_ = std::max(handled_, row.received_at);
  if (row.kind != envelope::Kind::event || server::is_heartbeat(row.note) || row.place == ledger::Place::put_aside) return;
  const std::string kind(kind_of(row.note));
  LogLine line("alarm");
  line.field("camera", row.camera.text()).field("kind", kind).field("chain", row.chain.hex().substr(0, 8)).number("seq", static_cast<std::int64_t>(row.sequence));
  line.field("sealed", rfc3339_ms(row.sealed_at));
  if (row.verdict != Verdict::accepted) line.field("flag", verdict_name(row.verdict));
  log_.warning(line.untrusted("note", row.note));
  raise({row.camera.text(), kind, row.chain.hex(), std::to_string(row.sequence), rfc3339_ms(row.sealed_at), rfc3339_ms(row.received_at), 1,
         escape_untrusted(row.note, envelope::kLongestNote)});
}

void Alarms::say(const Silence::Word& word) {
  const auto since = rfc3339(word.last);
  const auto seconds = word.after_ms / 1000;
  LogLine line(word.silent ? "silent" : "back");
  line.field("camera", word.camera.text()).field("last", since).number("seconds", seconds);
  log_.warning(line);
  raise({word.camera.text(), word.silent ? "silent" : "back", "", "", "", "", 1,
         word.silent ? fmt::format("nothing for {} seconds, last at {}", seconds, since) : fmt::format("after {} seconds", seconds)});
}

void Alarms::raise(Alert alert) {
  if (!context_.settings.alert_command.empty()) queue_.add(std::move(alert));
}

void Alarms::flush() {
  for (auto alert = queue_.next(monotonic_ms()); alert && line_.send(*alert); alert = queue_.next(monotonic_ms())) queue_.sent(*alert, monotonic_ms());
}

void Alarms::stored(const std::vector<ledger::Row>& rows) {
  guarded([&] {
    for (const auto& row : rows) take(row);
    flush();
    for (const auto& row : rows) {
      const auto interval = row.kind == envelope::Kind::event ? server::heartbeat_interval_ms(row.note) : std::nullopt;
      if (const auto word = silence_.heard(row.camera, interval, row.received_at)) say(*word);
    }
  });
}

void Alarms::tend() {
  guarded([this] {
    for (const auto& word : silence_.look()) say(word);
    flush();
    if (monotonic_ms() >= next_remember_) remember();
  });
}

}  // namespace shutterseal::ingestd
