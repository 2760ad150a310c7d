// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/alarm.h"

#include <fmt/format.h>
#include <poll.h>
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

static constexpr std::int64_t kRefillMs = 10'000, kReopenMs = 5'000, kLastAnswersMs = 10'000;
// How often a sync is spent on what was alerted: so much is alerted again after a crash, and so much of the index is read for events by a start.
static constexpr std::int64_t kRememberMs = 5'000;
// Groups are committed side by side, and adopted after a failure: what is stored now came this long ago at the earliest, unless its drop waited for the
// daemon. As far back as adoption looks.
static constexpr TimeMs kLatestGroupMs = 3600 * 1000;
static constexpr std::size_t kMostTold = 500;  // in the file; beyond that, in a flood, it looks less far back
static constexpr const char* kSeveral = "-";
static constexpr const char* kMany = "many";
static constexpr const char* kSilent = "silent";
static constexpr const char* kBack = "back";
static constexpr const char* kChanged = "heartbeat-changed";
static constexpr const char* kTrouble = "trouble";
static constexpr std::size_t kMostNoted = 100;  // events of an alert; a crash may alert the others again

// ---- what an alert says -------------------------------------------------------------------------------------------------------------

std::string_view kind_of(std::string_view note) {
  static constexpr std::string_view kKnown[] = {"tamper", "power", "cover", "gap", "trouble"};
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
  const bool plain_kind = !values[1].empty() && std::all_of(values[1].begin(), values[1].end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  if ((values[0] != kSeveral && !CameraId::parse(values[0])) || !plain_kind || !count) return std::nullopt;
  return Alert{values[0], values[1], values[2], values[3], values[4], values[5], *count, values[7]};
}

// ---- AlertQueue -----------------------------------------------------------------------------------------------------------------------

static void merge(Alert& alert, const Alert& other) {
  alert.count += other.count;
  alert.oldest = std::min(alert.oldest, other.oldest);
  const auto room = std::min(other.events.size(), kMostNoted - std::min(kMostNoted, alert.events.size()));
  alert.events.insert(alert.events.end(), other.events.begin(), other.events.begin() + static_cast<std::ptrdiff_t>(room));
}

std::optional<AlertQueue::Key> AlertQueue::opposite_of(const Key& key) {
  if (key.second == kSilent) return Key{key.first, kBack};
  if (key.second == kBack) return Key{key.first, kSilent};
  return std::nullopt;
}

void AlertQueue::add(Alert alert) {
  const Key key{alert.camera, alert.kind};
  if (const auto opposite = opposite_of(key)) waiting_.erase(*opposite);
  const auto waiting = waiting_.find(key);
  if (waiting != waiting_.end()) merge(alert, waiting->second);
  waiting_.insert_or_assign(key, std::move(alert));
}

// What came meanwhile is newer.
void AlertQueue::put_back(Alert alert) {
  const Key key{alert.camera, alert.kind};
  const auto opposite = opposite_of(key);
  if (opposite && waiting_.contains(*opposite)) return;
  const auto waiting = waiting_.find(key);
  if (waiting != waiting_.end()) return merge(waiting->second, alert);
  waiting_.emplace(key, std::move(alert));
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
  if (tokens_ != 0) --tokens_;
  auto& parts = on_its_way_.emplace_back();
  if (alert.kind == kMany) {
    for (auto& [key, part] : waiting_) parts.push_back(std::move(part));
    return waiting_.clear();
  }
  parts.push_back(alert);
  waiting_.erase({alert.camera, alert.kind});
  not_before_[{alert.camera, alert.kind}] = now + pause_ms_;
}

std::vector<Alert> AlertQueue::started() {
  if (on_its_way_.empty()) return {};
  auto parts = std::move(on_its_way_.front());
  on_its_way_.pop_front();
  return parts;
}

void AlertQueue::not_started(std::int64_t now) {
  for (auto& part : started()) {
    not_before_[{part.camera, part.kind}] = now + pause_ms_;
    put_back(std::move(part));
  }
}

void AlertQueue::line_lost() {
  for (; is_on_its_way(); tokens_ = std::min(kBurst, tokens_ + 1))
    for (auto& part : started()) {
      not_before_.erase({part.camera, part.kind});
      put_back(std::move(part));
    }
}

TimeMs AlertQueue::oldest() const {
  auto oldest = kLatestTime;
  for (const auto& [key, alert] : waiting_) oldest = std::min(oldest, alert.oldest);
  for (const auto& parts : on_its_way_)
    for (const auto& part : parts) oldest = std::min(oldest, part.oldest);
  return oldest;
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
  lose(errno_text(errno));
  return false;
}

void AlertLine::lose(const std::string& reason) {
  log_.error(LogLine("trouble").sentence("reason", "the alert runner is gone: " + reason));
  // One that no longer reads may still wait for a command: no commit waits for that.
  if (runner_ >= 0) static_cast<void>(::kill(runner_, SIGKILL));
  end_runner();
}

AlertLine::Answer AlertLine::answer() {
  if (!socket_) return Answer::lost;
  char said = 0;
  const auto got = ::recv(socket_.get(), &said, sizeof said, MSG_DONTWAIT);
  if (got == 1) return said == kStarted ? Answer::started : Answer::not_started;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Answer::none;
  lose(got == 0 ? "it ended" : errno_text(errno));
  return Answer::lost;
}

AlertLine::Answer AlertLine::last_answer() {
  if (!socket_) return Answer::lost;
  if (last_until_ == 0) {
    last_until_ = monotonic_ms() + kLastAnswersMs;
    static_cast<void>(::shutdown(socket_.get(), SHUT_WR));
  }
  struct pollfd waited {
    socket_.get(), POLLIN, 0
  };
  const auto left = std::max<std::int64_t>(0, last_until_ - monotonic_ms());
  return ::poll(&waited, 1, static_cast<int>(left)) == 1 ? answer() : Answer::none;
}

// ---- Alarms -----------------------------------------------------------------------------------------------------------------------------

static constexpr const char* kFormat = "1";

namespace {

struct Handled {
  std::optional<TimeMs> until;
  std::set<EventKey> told;
};

}  // namespace

static std::string format_handled(TimeMs until, const std::set<EventKey>& told) {
  auto text = format_key_value("format", kFormat) + format_key_value("handled", std::to_string(until));
  for (const auto& [received, digest] : told) text += format_key_value("told", std::to_string(received) + " " + digest.hex());
  return text;
}

static std::optional<EventKey> read_key(std::string_view value) {
  const auto words = split(value, ' ');
  if (words.size() != 2) return std::nullopt;
  const auto received = parse_decimal(words[0], kLatestTime);
  const auto digest = Digest::parse(words[1]);
  return received && digest ? std::optional(EventKey{static_cast<TimeMs>(*received), *digest}) : std::nullopt;
}

// `until`: nothing when it is damaged.
static Handled read_handled(const std::vector<KeyValue>& entries, const std::string& file) {
  Handled handled;
  for (const auto& entry : entries) {
    if (entry.key == "format" && entry.value != kFormat) fail_at(file, entry.line, "format " + escape_untrusted(entry.value) + " is newer than this program");
    if (entry.key == "handled")
      if (const auto number = parse_decimal(entry.value, kLatestTime)) handled.until = static_cast<TimeMs>(*number);
    if (entry.key == "told")
      if (const auto key = read_key(entry.value)) handled.told.insert(*key);
  }
  return handled;
}

static std::vector<KeyValue> entries_of(const std::string& file) {
  try {
    return parse_key_values(as_text(read_file(file, kLargestTextFile)), file);
  } catch (const Error&) {
    return {};
  }
}

Alarms::Alarms(const Context& context, const registry::Registry& registry, const Log& log)
    : context_(context),
      log_(log),
      silence_(server::HeardFiles(context.paths.heard), registry, {context.settings.silent_after_ms, context.settings.silent_most_ms}),
      queue_(context.settings.alert_pause_ms),
      line_(context, log) {}

Alarms::~Alarms() {
  guarded([this] {
    flush();
    send_rest();
    // No group is on its way any more, so none comes later with an earlier time.
    if (queue_.oldest() == kLatestTime) handled_ = std::max(handled_, newest_);
    remember();
  });
  guarded([this] { silence_.save(); });
}

// What goes wrong here must not stop a commit: the evidence is more than the alarm about it.
void Alarms::guarded(const std::function<void()>& work) {
  const std::lock_guard guard(mutex_);
  try {
    work();
  } catch (const Error& error) {
    log_.error(LogLine("trouble").sentence("reason", error.what()));
  }
  if (const auto trouble = silence_.take_trouble()) log_.error(LogLine("trouble").sentence("reason", *trouble));
}

// Without a file: a server of an older version, whose past is no news. A damaged one is not worth more than the pictures that would wait for it.
void Alarms::load() {
  const auto& file = context_.paths.alarms;
  auto handled = exists(file) ? read_handled(entries_of(file), file) : Handled{now_ms(), {}};
  if (!handled.until) log_.error(LogLine("trouble").sentence("reason", "'" + file + "' is damaged: what an earlier daemon did not alert is not alerted"));
  // The clock may have been set back: what comes now must not look handled.
  handled_ = std::min(handled.until.value_or(now_ms()), now_ms());
  told_ = std::move(handled.told);
}

// What an earlier daemon committed and had no time to alert.
void Alarms::catch_up(const ledger::Index& index, const std::vector<ledger::Row>& adopted) {
  {
    const std::lock_guard guard(mutex_);
    load();
    index.events_since(handled_ + 1, [this](const ledger::Row& row) {
      if (row.place == ledger::Place::evidence) take(row);
    });
    for (const auto& row : adopted)
      if (row.received_at <= handled_) take(row);
  }
  guarded([&] {
    for (const auto& row : adopted) hear(row);
    flush();
    remember();
  });
}

// An event that waits for its command, and what a group that comes later may bring, is alerted again after a crash.
void Alarms::remember() {
  next_remember_ = monotonic_ms() + kRememberMs;
  const auto limit = queue_.oldest() - 1;
  handled_ = std::max(handled_, std::min(limit, std::min(newest_, now_ms()) - kLatestGroupMs));
  told_.erase(told_.begin(), told_.lower_bound({handled_ + 1, Digest{}}));
  while (told_.size() > kMostTold) {
    handled_ = std::max(handled_, told_.begin()->first);
    told_.erase(told_.begin());
  }
  auto text = format_handled(std::min(handled_, limit), told_);
  if (text == remembered_) return;
  replace_file(context_.paths.alarms, as_bytes(text), 0640);
  remembered_ = std::move(text);
}

void Alarms::take(const ledger::Row& row) {
  newest_ = std::max(newest_, row.received_at);
  if (told_.contains({row.received_at, row.digest})) return;
  if (row.kind != envelope::Kind::event || server::is_heartbeat(row.note) || row.place == ledger::Place::put_aside) return;
  const std::string kind(kind_of(row.note));
  LogLine line("alarm");
  line.field("camera", row.camera.text()).field("kind", kind).field("chain", row.chain.hex().substr(0, 8)).number("seq", static_cast<std::int64_t>(row.sequence));
  line.field("sealed", rfc3339_ms(row.sealed_at));
  if (row.verdict != Verdict::accepted) line.field("flag", verdict_name(row.verdict));
  log_.warning(line.untrusted("note", row.note));
  raise({row.camera.text(), kind, row.chain.hex(), std::to_string(row.sequence), rfc3339_ms(row.sealed_at), rfc3339_ms(row.received_at), 1,
         escape_untrusted(row.note, envelope::kLongestNote), {{row.received_at, row.digest}}, row.received_at});
}

void Alarms::say_changed(const Silence::Word& word) {
  const auto from = word.claim.kept_ms / 1000, to = word.claim.stated_ms / 1000;
  log_.warning(LogLine(kChanged).field("camera", word.camera.text()).number("from", from).number("to", to));
  raise({word.camera.text(), kChanged, "", "", "", "", 1, fmt::format("states a heartbeat in {} seconds, and kept {}", to, from)});
}

void Alarms::say(const Silence::Word& word) {
  if (word.what == Silence::What::changed) return say_changed(word);
  const auto since = rfc3339(word.last);
  const auto seconds = word.after_ms / 1000;
  const bool silent = word.what == Silence::What::silent;
  LogLine line(silent ? kSilent : kBack);
  line.field("camera", word.camera.text()).field("last", since).number("seconds", seconds);
  log_.warning(line);
  raise({word.camera.text(), silent ? kSilent : kBack, "", "", "", "", 1,
         silent ? fmt::format("nothing for {} seconds, last at {}", seconds, since) : fmt::format("after {} seconds", seconds)});
}

void Alarms::raise(Alert alert) {
  if (context_.settings.alert_command.empty()) return told(alert);
  queue_.add(std::move(alert));
}

void Alarms::told(const Alert& alert) {
  told_.insert(alert.events.begin(), alert.events.end());
  const auto camera = CameraId::parse(alert.camera);
  if (!camera) return;
  if (alert.kind == kSilent) silence_.told(*camera, Silence::What::silent);
  if (alert.kind == kBack) silence_.told(*camera, Silence::What::back);
  if (alert.kind == kChanged) silence_.told(*camera, Silence::What::changed);
}

// False: there is no more to take.
bool Alarms::take_answer(AlertLine::Answer answer) {
  switch (answer) {
    case AlertLine::Answer::started:
      for (const auto& alert : queue_.started()) told(alert);
      return true;
    case AlertLine::Answer::not_started:
      queue_.not_started(monotonic_ms());
      return true;
    case AlertLine::Answer::lost:
      queue_.line_lost();
      return false;
    case AlertLine::Answer::none:
      return false;
  }
  return false;
}

void Alarms::send_rest() {
  const auto rest = queue_.rest();
  if (rest && line_.send(*rest)) queue_.sent(*rest, monotonic_ms());
  while (queue_.is_on_its_way() && take_answer(line_.last_answer())) {
  }
}

void Alarms::flush() {
  while (queue_.is_on_its_way() && take_answer(line_.answer())) {
  }
  for (auto alert = queue_.next(monotonic_ms()); alert && line_.send(*alert); alert = queue_.next(monotonic_ms())) queue_.sent(*alert, monotonic_ms());
}

void Alarms::stored(const std::vector<ledger::Row>& rows) {
  guarded([&] {
    for (const auto& row : rows) take(row);
    flush();
    for (const auto& row : rows) hear(row);
  });
}

void Alarms::hear(const ledger::Row& row) {
  const auto interval = row.kind == envelope::Kind::event ? server::heartbeat_interval_ms(row.note) : std::nullopt;
  for (const auto& word : silence_.heard(row.camera, interval, row.received_at)) say(word);
}

void Alarms::waits(const CameraId& camera, const std::string& reason) {
  guarded([&] {
    log_.warning(LogLine("alarm").field("camera", camera.text()).field("kind", kTrouble).sentence("reason", reason));
    raise({camera.text(), kTrouble, "", "", "", "", 1, escape_untrusted(reason, envelope::kLongestNote)});
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
