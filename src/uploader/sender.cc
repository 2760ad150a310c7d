// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/sender.h"

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"

namespace shutterseal::uploader {

using transport::Outcome;

static constexpr std::int64_t kFirstBackoff = 1'000, kLongestBackoff = 300'000;
static constexpr std::int64_t kFirstLook = 5, kLongestLook = 30'000;  // the receipt: at once, then with growing pauses
static constexpr std::int64_t kBundleInterval = 3'600'000;
static constexpr std::int64_t kSuspicious = 3'600'000;
static constexpr std::uint64_t kMostUnanswered = std::uint64_t{32} << 20;  // octets, sent without a look at the receipt

Sender::Sender(const Context& context, const Identity& identity, Login& login, Spool& spool, Hooks hooks)
    : context_(context),
      identity_(identity),
      spool_(spool),
      hooks_(std::move(hooks)),
      connection_(transport_settings(context, identity, login), hooks_.stop),
      renewal_(context, identity, hooks_.make_request),
      letting_go_(context, identity, spool, hooks_),
      link_(load_link_state(context.state + "/link")),
      pace_(context.settings.parcel_least, context.settings.parcel_most) {}

Sender::Step Sender::step() {
  const auto now = monotonic_ms();
  if (now < retry_at_) {
    pause_ms_ = retry_at_ - now;  // a new picture is no reason to try a dead line sooner
    return Step::waiting;
  }
  auto due = spool_.due(now, context_.settings.resend_after_ms, pace_.octets(), kMostInParcel);
  if (is_suspicious(due)) due = whole_ones(due);
  else if (due.empty()) return without_due(now);
  if (due.empty()) return Step::sent;  // put aside, all of them: the next ones
  return unanswered_ < kMostUnanswered ? send(due) : look_between();
}

Sender::Step Sender::without_due(std::int64_t now) {
  settle();
  if (spool_.backlog().count == 0 && !owes_look_) {
    awaiting_since_ = 0;
    letting_go_.prune_kept();
    if (!renewal_.is_due(letting_go_.time())) return Step::idle;
    return ask_for_renewal() ? Step::sent : after_failure();
  }
  if (now < next_look_) {
    pause_ms_ = next_look_ - now;
    return Step::waiting;
  }
  return look_for_receipt();
}

void Sender::note_contact(const transport::Result& result) {
  last_ = result;
  if (result.outcome == Outcome::stopped) return;
  const bool good = result.outcome == Outcome::done || result.outcome == Outcome::absent;
  if (good) failures_ = 0;
  const auto now = now_ms();
  bool is_changed = uploader::note_contact(link_, good ? std::string() : escape_untrusted(result.detail, kLongestSubject), now);
  if (is_to_be_said(link_, now)) {
    hooks_.log(LogLevel::warning, LogLine("no-contact").field("since", rfc3339(link_.down_since)).number("waiting", static_cast<std::int64_t>(spool_.backlog().count))
                                      .sentence("reason", link_.error));
    link_.said_at = now;
    is_changed = true;
  }
  if (is_changed) save_link();
}

// What is there for status alone must not stop what sends, and frees the disk.
void Sender::save_link() {
  try {
    save_link_state(context_.state + "/link", link_);
    is_link_said_ = false;
  } catch (const Error& error) {
    if (!std::exchange(is_link_said_, true)) hooks_.log(LogLevel::warning, LogLine("trouble").sentence("reason", error.what()));
  }
}

// Full jitter: a thousand cameras that lost the same server must not come back in the same second.
Sender::Step Sender::pause(int& tries) {
  connection_.close();  // a session that outlived the disk it looks at would fail for ever
  const auto ceiling = std::min(kLongestBackoff, kFirstBackoff << std::min(tries, 10));
  ++tries;
  pause_ms_ = std::uniform_int_distribution<std::int64_t>(0, ceiling)(random_);
  retry_at_ = monotonic_ms() + pause_ms_;
  return Step::waiting;
}

// A line that is down is what a camera lives with: no warning, but for note_contact()'s once a day.
Sender::Step Sender::after_failure() {
  const auto step = pause(failures_);
  const auto level = last_.outcome == Outcome::unreachable ? LogLevel::info : LogLevel::warning;
  if (last_.outcome != Outcome::stopped) hooks_.log(level, LogLine("retry").number("in-ms", pause_ms_).sentence("reason", escape_untrusted(last_.detail, kLongestSubject)));
  return step;
}

Sender::Step Sender::after_trouble(const Error& error) {
  if (monotonic_ms() - std::exchange(last_trouble_, monotonic_ms()) > 2 * kLongestBackoff) troubles_ = 0;
  const auto step = pause(troubles_);
  hooks_.log(LogLevel::error, LogLine("trouble").number("in-ms", pause_ms_).sentence("reason", error.what()));
  link_.error = error.what();
  link_.error_at = now_ms();
  save_link();
  return step;
}

// ---- sending ------------------------------------------------------------------------------------------------------------------------

bool Sender::is_suspicious(const std::vector<Envelope>& due) const {
  if (due.empty()) return false;
  return monotonic_ms() < suspicious_until_ || std::any_of(due.begin(), due.end(), [](const Envelope& one) { return one.suspect; });
}

// Ahead of the line: a thousand damaged ones in a row must not cost a thousand connections.
std::vector<Envelope> Sender::whole_ones(const std::vector<Envelope>& due) {
  std::vector<Envelope> whole;
  for (auto one : due) {
    const auto examined = spool_.examine(one.name);
    if (examined.condition == Condition::whole) {
      one.size = examined.size;
      whole.push_back(one);
    } else {
      put_aside(one, examined);
    }
  }
  return whole;
}

void Sender::put_aside(const Envelope& envelope, const Examined& examined) {
  const auto& name = envelope.name;
  const auto line = [&name](const char* event) {
    return LogLine(event).field("chain", name.chain.hex().substr(0, 8)).number("seq", static_cast<std::int64_t>(name.sequence)).field("sha256", name.digest.hex());
  };
  if (examined.condition == Condition::vanished) {
    spool_.forget(name);
    hooks_.log(LogLevel::error, line("vanished"));
    return hooks_.on_loss();
  }
  suspicious_until_ = monotonic_ms() + kSuspicious;
  has_heard_ = false;
  owes_look_ = true;
  if (envelope.event) hooks_.on_explained(name.chain, name.sequence, name.sequence, "event");  // or each statement would cause the next
  const bool is_moved = spool_.put_aside(name);
  hooks_.log(LogLevel::error, line("damaged").field("put-aside", is_moved ? "yes" : "no").sentence("reason", examined.reason));
}

Sender::Step Sender::send(const std::vector<Envelope>& due) {
  const auto parcel = make_parcel(due);
  std::shared_ptr<ParcelReader> reader;
  const auto open = [&]() -> transport::Source {
    reader = std::make_shared<ParcelReader>(spool_, parcel);
    return [reader](std::span<std::uint8_t> out) { return reader->read(out); };
  };
  transport::Result result;
  try {
    result = connection_.upload(parcel.name, parcel.size, open);
  } catch (const Error&) {
    if (!reader || !reader->damaged()) throw;
    spool_.suspect(*reader->damaged());  // a loose contact may have been it: the next step reads it again, before the line is opened
    suspicious_until_ = monotonic_ms() + kSuspicious;
    return Step::sent;
  }
  note_contact(result);
  if (result.outcome != Outcome::done) {
    pace_.cut();
    return after_failure();
  }
  note_sent(parcel, result);
  return Step::sent;
}

void Sender::note_sent(const Parcel& parcel, const transport::Result& result) {
  pace_.sent(parcel.size, result.elapsed_ms);
  unanswered_ += parcel.size;
  const auto now = monotonic_ms();
  spool_.mark_sent(parcel.envelopes, now);
  letting_go_.note_sent(parcel);
  if (awaiting_since_ == 0) awaiting_since_ = now;
  look_pause_ = kFirstLook;
  next_look_ = now;
  hooks_.log(LogLevel::info, LogLine("sent").number("envelopes", static_cast<std::int64_t>(parcel.envelopes.size()))
                                 .number("bytes", static_cast<std::int64_t>(parcel.size)).number("ms", result.elapsed_ms));
}

// ---- looking ------------------------------------------------------------------------------------------------------------------------

// A day's backlog may take hours, and a full spool has room again as soon as some of it is receipted.
Sender::Step Sender::look_between() {
  return fetch_receipt() == Look::failed ? after_failure() : Step::sent;
}

Sender::Step Sender::look_for_receipt() {
  const auto look = fetch_receipt();
  if (look == Look::failed) return after_failure();
  look_pause_ = look == Look::news ? kFirstLook : std::clamp(look_pause_ * 2, kFirstLook, kLongestLook);
  next_look_ = monotonic_ms() + look_pause_;
  pause_ms_ = look_pause_;
  return look == Look::news ? Step::sent : Step::waiting;
}

Sender::Look Sender::fetch_receipt() {
  unanswered_ = 0;
  Bytes content;
  const auto result = connection_.fetch("receipts/receipt.p7m", envelope::kLargestReceipt, content);
  note_contact(result);
  if (result.outcome != Outcome::done && result.outcome != Outcome::absent) return Look::failed;
  look_for_bundle();
  if (renewal_.is_due(letting_go_.time()) && !ask_for_renewal()) return Look::failed;
  settle();
  const bool is_news = result.outcome == Outcome::done && letting_go_.take(content);
  hear();
  if (!is_news) return Look::nothing;
  awaiting_since_ = spool_.backlog().count == 0 ? 0 : monotonic_ms();
  return Look::news;
}

bool Sender::is_stuck() const {
  constexpr std::int64_t kMostMs = 5'000;
  return connection_.stuck_ms() > kMostMs;
}

// What was put aside may be stored on the server: that it is lost is said when a receipt was looked at.
void Sender::hear() {
  if (has_heard_) return;
  const bool has_damaged = owes_look_.exchange(false) || spool_.has_damaged();
  if (has_damaged) settle();  // whoever looks for gaps reads what the receipt said
  has_heard_ = true;
  if (has_damaged) hooks_.on_loss();
}

// A newer bundle changes servers, keys and custodians without a visit to the pole.
void Sender::look_for_bundle() {
  if (monotonic_ms() < next_bundle_look_) return;
  next_bundle_look_ = monotonic_ms() + kBundleInterval;
  Bytes content;
  if (connection_.fetch("receipts/bundle.p7m", envelope::kLargestBundle, content).outcome != Outcome::done) return;
  if (exists(context_.bundle) && read_file(context_.bundle, envelope::kLargestBundle) == content) return;
  try {
    const auto authority = accepted_authority(context_);
    settle();  // what still remembers a receipt would write over the authority's word on its number
    const auto serial = install_bundle(context_, content, authority.value());
    hooks_.log(LogLevel::info, LogLine("bundle").number("serial", static_cast<std::int64_t>(serial)));
    new_bundle_ = true;
  } catch (const Error& error) {
    hooks_.log(LogLevel::warning, LogLine("bundle-refused").sentence("reason", error.what()));
  }
}

// False: the line failed. A server that does not renew is none of that: the certificate in use serves until its end, and then its grace.
bool Sender::ask_for_renewal() {
  Bytes answer;
  const auto result = renewal_.ask(connection_, answer);
  note_contact(result);
  if (result.outcome != Outcome::done && result.outcome != Outcome::absent) return false;
  try {
    if (answer.empty() || !install_renewal(context_, identity_, answer)) return true;
    hooks_.log(LogLevel::info, LogLine("certificate-renewed"));
    new_bundle_ = true;  // what seals takes it from there
  } catch (const Error& error) {
    hooks_.log(LogLevel::warning, LogLine("renewal-refused").sentence("reason", error.what()));
  }
  return true;
}

}  // namespace shutterseal::uploader
