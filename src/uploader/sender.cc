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
static constexpr std::size_t kMostParcels = 1024;
static constexpr std::uint64_t kMostUnanswered = std::uint64_t{32} << 20;  // octets, sent without a look at the receipt

// ---- state/link -------------------------------------------------------------------------------------------------------------------

LinkState load_link_state(const std::string& file) {
  LinkState state;
  if (!exists(file)) return state;
  const auto content = read_file(file, kLargestTextFile);
  for (const auto& entry : parse_key_values(as_text(content), file)) {
    const auto number = parse_decimal(entry.value, kLargestInteger);
    if (entry.key == "error") state.error = entry.value;
    if (entry.key == "error-at") state.error_at = static_cast<TimeMs>(number.value_or(0));
    if (entry.key == "contact-at") state.contact_at = static_cast<TimeMs>(number.value_or(0));
  }
  return state;
}

static void save_link_state(const std::string& file, const LinkState& state) {
  auto text = format_key_value("format", "1");
  if (!state.error.empty()) text += format_key_value("error", state.error) + format_key_value("error-at", std::to_string(state.error_at));
  text += format_key_value("contact-at", std::to_string(state.contact_at));
  replace_file(file, as_bytes(text), 0600);
}

// ---- Sender -----------------------------------------------------------------------------------------------------------------------

Sender::Sender(const Context& context, const Identity& identity, Login& login, Spool& spool, Hooks hooks)
    : context_(context),
      identity_(identity),
      spool_(spool),
      hooks_(std::move(hooks)),
      connection_(transport_settings(context, identity, login), hooks_.stop),
      renewal_(context, identity, hooks_.make_request),
      receipts_(load_receipt_state(context.state + "/receipt")),
      link_(load_link_state(context.state + "/link")),
      pace_(context.settings.parcel_least, context.settings.parcel_most) {}

Sender::Step Sender::step() {
  const auto now = monotonic_ms();
  if (now < retry_at_) {
    pause_ms_ = retry_at_ - now;  // a new picture is no reason to try a dead line sooner
    return Step::waiting;
  }
  const auto due = spool_.due(now, context_.settings.resend_after_ms, pace_.octets(), kMostInParcel);
  if (!due.empty()) return unanswered_ < kMostUnanswered ? send(due) : look_between();
  settle();
  if (spool_.backlog().count == 0) {
    awaiting_since_ = 0;
    spool_.prune_kept(context_.settings.keep, now_ms());
    if (!renewal_.is_due(receipts_.time)) return Step::idle;
    return ask_for_renewal() ? Step::sent : after_failure();
  }
  if (now < next_look_) {
    pause_ms_ = next_look_ - now;
    return Step::waiting;
  }
  return look_for_receipt();
}

// An SD card wears out: the file changes with the error, not with every contact.
void Sender::note_contact(const transport::Result& result) {
  const bool good = result.outcome == Outcome::done || result.outcome == Outcome::absent;
  last_ = result;
  const auto error = good ? std::string() : escape_untrusted(result.detail, kLongestSubject);
  const bool changed = error != link_.error || link_.contact_at == 0;
  if (good) {
    failures_ = 0;
    link_.contact_at = now_ms();
  }
  if (!changed) return;
  link_.error = error;
  link_.error_at = now_ms();
  save_link_state(context_.state + "/link", link_);
}

// Full jitter: a thousand cameras that lost the same server must not come back in the same second.
Sender::Step Sender::after_failure() {
  connection_.close();  // a session that outlived the disk it looks at would fail for ever
  const auto ceiling = std::min(kLongestBackoff, kFirstBackoff << std::min(failures_, 10));
  ++failures_;
  pause_ms_ = std::uniform_int_distribution<std::int64_t>(0, ceiling)(random_);
  retry_at_ = monotonic_ms() + pause_ms_;
  if (last_.outcome != Outcome::stopped) hooks_.log(LogLevel::warning, LogLine("retry").number("in-ms", pause_ms_).sentence("reason", escape_untrusted(last_.detail, kLongestSubject)));
  return Step::waiting;
}

Sender::Step Sender::send(const std::vector<Envelope>& due) {
  const auto parcel = make_parcel(due);
  const auto open = [&]() -> transport::Source {
    auto reader = std::make_shared<ParcelReader>(spool_, parcel);
    return [reader](std::span<std::uint8_t> out) { return reader->read(out); };
  };
  const auto result = connection_.upload(parcel.name, parcel.size, open);
  note_contact(result);
  if (result.outcome != Outcome::done) {
    pace_.cut();
    return after_failure();
  }
  pace_.sent(parcel.size, result.elapsed_ms);
  unanswered_ += parcel.size;
  const auto now = monotonic_ms();
  spool_.mark_sent(parcel.envelopes, now);
  if (parcel.envelopes.size() > 1 && parcels_.size() < kMostParcels) parcels_[parcel.name] = parcel.envelopes;
  if (awaiting_since_ == 0) awaiting_since_ = now;
  look_pause_ = kFirstLook;
  next_look_ = now;
  hooks_.log(LogLevel::info, LogLine("sent").number("envelopes", static_cast<std::int64_t>(parcel.envelopes.size()))
                                 .number("bytes", static_cast<std::int64_t>(parcel.size)).number("ms", result.elapsed_ms));
  return Step::sent;
}

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
  if (renewal_.is_due(receipts_.time) && !ask_for_renewal()) return Look::failed;
  settle();
  if (result.outcome == Outcome::absent || !take_receipt(content)) return Look::nothing;
  awaiting_since_ = spool_.backlog().count == 0 ? 0 : monotonic_ms();
  return Look::news;
}

// ---- receipts -----------------------------------------------------------------------------------------------------------------------

bool Sender::take_receipt(ByteView bytes) {
  const auto reading = envelope::read_receipt(bytes, identity_.camera(), identity_.bundle.receipt_pins);
  if (!reading.value) {
    hooks_.log(LogLevel::warning, LogLine("receipt-refused").sentence("reason", reading.reason));
    return false;
  }
  if (reading.value->number <= receipts_.number) {
    if (reading.value->number < receipts_.number)
      hooks_.log(LogLevel::warning, LogLine("receipt-refused").sentence("reason", "older than one that was seen"));
    return false;
  }
  hooks_.on_receipt(*reading.value);
  apply(*reading.value);
  return true;
}

void Sender::apply(const envelope::Receipt& receipt) {
  look_for_losses(receipt);
  const SpoolView view{[this](const EnvelopeName& name) { return spool_.contains(name); },
                       [this](const EnvelopeName& name) {
                         const auto link = link_of(spool_.dir(), name);
                         return link ? std::optional(link->previous) : std::nullopt;
                       }};
  std::vector<EnvelopeName> covered;
  for (const auto& run : receipt.runs)
    for (const auto& one : covered_by(run, view, receipts_.sent)) {
      covered.push_back(one.name);
      if (one.linked) receipts_.sent.add({one.name.chain, one.name.sequence, one.name.sequence, one.name.digest, one.previous});
    }
  receipts_.number = receipt.number;
  receipts_.time = receipt.time;
  // Oldest first: what a crash leaves ends with the newest, from which the next receipt can be followed downwards. The other way round nothing would
  // lead to the rest, and it would be sent for ever.
  std::reverse(covered.begin(), covered.end());
  let_go(covered);
  for (const auto& refusal : receipt.refusals) apply_refusal(refusal);
  std::erase_if(parcels_, [this](const auto& parcel) {
    return std::none_of(parcel.second.begin(), parcel.second.end(), [this](const EnvelopeName& name) { return spool_.contains(name); });
  });
  hooks_.log(LogLevel::info, LogLine("receipt").number("number", static_cast<std::int64_t>(receipt.number))
                                 .number("covered", static_cast<std::int64_t>(covered.size())));
}

// Beside the next parcels: an SD card takes its time to sync and to free. Remembered before deleted: a crash between the two deletes the rest the next time.
void Sender::let_go(const std::vector<EnvelopeName>& covered) {
  spool_.let_go(covered);
  letting_go_.emplace(&assistant_, [this, covered, state = receipts_] {
    save_receipt_state(context_.state + "/receipt", state);
    spool_.remove(covered, context_.settings.keep);
  });
}

bool Sender::is_stuck() const {
  constexpr std::int64_t kMostMs = 5'000;
  return connection_.stuck_ms() > kMostMs;
}

void Sender::settle() {
  if (letting_go_) letting_go_->wait();
  letting_go_.reset();
}

// A server that was restored from a backup no longer holds all that it receipted. It is said once, and what `keep` still has goes out again.
void Sender::look_for_losses(const envelope::Receipt& receipt) {
  if (receipt.runs.size() == envelope::kMostRuns) return;  // cut off: what is not said may be held
  for (const auto& lost : receipts_.sent.take_lost(receipt.runs)) {
    const auto is_lost = [&](const EnvelopeName& name) {
      return name.chain == lost.chain && lost.first <= name.sequence && name.sequence <= lost.last && !is_held(receipt.runs, name.chain, name.sequence, name.sequence);
    };
    for (const auto& run : receipt.runs)
      if (run.chain == lost.chain && run.first <= lost.last && run.last >= lost.first)
        hooks_.on_still_held(run.chain, std::max(run.first, lost.first), std::min(run.last, lost.last));
    const auto again = spool_.take_back(is_lost);
    hooks_.log(LogLevel::error, LogLine("server-lost").field("chain", lost.chain.hex().substr(0, 8)).number("first", static_cast<std::int64_t>(lost.first))
                                    .number("last", static_cast<std::int64_t>(lost.last)).number("sent-again", static_cast<std::int64_t>(again)));
  }
}

// A refused parcel of one: that envelope is bad, for this server. Of several: perhaps one of them; each goes alone and is judged alone.
void Sender::apply_refusal(const envelope::Refusal& refusal) {
  if (const auto parcel = parcels_.find(refusal.name); parcel != parcels_.end()) {
    spool_.send_alone(parcel->second);
    parcels_.erase(parcel);
    return;
  }
  const auto name = spool_.by_digest(refusal.digest);
  if (!name) return;
  spool_.refuse(*name);
  hooks_.on_refused();
  hooks_.log(LogLevel::error, LogLine("refused-by-server").field("verdict", verdict_name(refusal.verdict)).number("seq", static_cast<std::int64_t>(name->sequence))
                                  .field("sha256", refusal.digest.hex()));
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
