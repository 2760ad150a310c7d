// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/letting_go.h"

#include <algorithm>

#include "src/base/error.h"

namespace shutterseal::uploader {

static constexpr std::size_t kMostParcels = 1024;
static constexpr std::int64_t kProofInterval = 3'600'000;

LettingGo::LettingGo(const Context& context, const Identity& identity, Spool& spool, const SenderHooks& hooks)
    : context_(context),
      identity_(identity),
      spool_(spool),
      hooks_(hooks),
      receipts_(load_receipt_state(context.state + "/receipt")),
      age_(context.state + "/kept-age", receipts_.time),
      needs_proof_(receipts_.is_lost && !(receipts_.proof && spool_.is_waiting(*receipts_.proof))) {}

void LettingGo::note_sent(const Parcel& parcel) {
  if (parcel.envelopes.size() < 2 || parcels_.size() >= kMostParcels) return;
  auto& names = parcels_[parcel.name];
  names.clear();
  for (const auto& one : parcel.envelopes) names.push_back(one.name);
}

// ---- which receipt ------------------------------------------------------------------------------------------------------------------

bool LettingGo::is_news(const envelope::Receipt& receipt) {
  if (receipts_.is_lost) return receipt.number != std::exchange(unproven_, receipt.number);
  if (receipt.number < receipts_.number) hooks_.log(LogLevel::warning, LogLine("receipt-refused").sentence("reason", "older than one that was seen"));
  return receipt.number > receipts_.number;
}

bool LettingGo::take(ByteView bytes) {
  take_proof();
  const auto reading = envelope::read_receipt(bytes, identity_.camera(), identity_.bundle.receipt_pins);
  if (!reading.value) {
    hooks_.log(LogLevel::warning, LogLine("receipt-refused").sentence("reason", reading.reason));
    return false;
  }
  if (!is_news(*reading.value)) return false;
  hooks_.on_receipt(*reading.value);
  apply(*reading.value);
  return true;
}

void LettingGo::prove_by(const EnvelopeName& event) {
  const std::lock_guard guard(mutex_);
  offered_ = event;
  needs_proof_ = false;
}

// An event that is refused, or that a receipt never reaches because another chain began, proves nothing: after an hour another one is sealed.
void LettingGo::take_proof() {
  if (!receipts_.is_lost) return;
  const std::lock_guard guard(mutex_);
  if (offered_) {
    receipts_.proof = std::exchange(offered_, std::nullopt);
    proof_due_ = 0;
    save_receipt_state(context_.state + "/receipt", receipts_);
  }
  if (proof_due_ == 0) proof_due_ = monotonic_ms() + kProofInterval;
  if (monotonic_ms() >= proof_due_) needs_proof_ = true;
}

bool LettingGo::is_proven(const Coverage& covered) {
  return !receipts_.is_lost || (receipts_.proof && std::find(covered.names.begin(), covered.names.end(), *receipts_.proof) != covered.names.end());
}

// ---- what it does -------------------------------------------------------------------------------------------------------------------

Coverage LettingGo::coverage_of(const envelope::Receipt& receipt) const {
  const SpoolView view{[this](const EnvelopeName& name) { return spool_.holds(name); },
                       [this](const EnvelopeName& name) { return spool_.previous_of(name); },
                       [this](const ChainId& chain) { return spool_.held_of(chain); }};
  Coverage all;
  for (const auto& run : receipt.runs) {
    const auto covered = covered_by(run, view, receipts_.sent);
    all.names.insert(all.names.end(), covered.names.begin(), covered.names.end());
    all.runs.insert(all.runs.end(), covered.runs.begin(), covered.runs.end());
  }
  return all;
}

void LettingGo::apply(const envelope::Receipt& receipt) {
  look_for_losses(receipt);
  const auto covered = coverage_of(receipt);
  if (!is_proven(covered)) return apply_refusals(receipt);
  const bool was_lost = std::exchange(receipts_.is_lost, false);
  remember(receipt, covered);
  apply_refusals(receipt);
  hooks_.log(LogLevel::info, LogLine("receipt").number("number", static_cast<std::int64_t>(receipt.number))
                                 .number("covered", static_cast<std::int64_t>(covered.names.size())));
  age_.hear(receipt.time);
  if (!was_lost) return;
  settle();  // whoever looks for gaps now reads the file
  hooks_.log(LogLevel::warning, LogLine("receipt-state-found").number("number", static_cast<std::int64_t>(receipt.number)));
  hooks_.on_loss();
}

void LettingGo::remember(const envelope::Receipt& receipt, const Coverage& covered) {
  for (const auto& run : covered.runs) receipts_.sent.add(run);
  receipts_.proof.reset();
  receipts_.number = receipt.number;
  receipts_.time = receipt.time;
  // Oldest first: what a crash leaves ends with the newest, from which the next receipt can be followed downwards. The other way round nothing would
  // lead to the rest, and it would be sent for ever.
  leaving_.insert(leaving_.end(), covered.names.rbegin(), covered.names.rend());
  spool_.let_go(covered.names);
  begin();
}

// Remembered before deleted: a crash between the two deletes the rest the next time.
void LettingGo::begin() {
  task_.emplace(&assistant_, [this, names = leaving_, state = receipts_] {
    save_receipt_state(context_.state + "/receipt", state);
    for (const auto& reason : spool_.remove(names, context_.settings.keep, state.time)) hooks_.log(LogLevel::warning, LogLine("not-let-go").sentence("reason", reason));
  });
}

void LettingGo::settle() {
  if (!task_ && !leaving_.empty()) begin();
  if (!task_) return;
  try {
    task_->wait();
  } catch (...) {
    task_.reset();
    throw;
  }
  task_.reset();
  leaving_.clear();
}

// A server that was restored from a backup no longer holds all that it receipted. It is said once, and what `keep` still has goes out again.
void LettingGo::look_for_losses(const envelope::Receipt& receipt) {
  if (receipt.runs.size() == envelope::kMostRuns) return;  // cut off: what is not said may be held
  for (const auto& lost : receipts_.sent.take_lost(receipt.runs)) {
    const auto is_lost = [&](const EnvelopeName& name) {
      return name.chain == lost.chain && lost.first <= name.sequence && name.sequence <= lost.last && !is_held(receipt.runs, name.chain, name.sequence, name.sequence);
    };
    for (const auto& run : receipt.runs)
      if (run.chain == lost.chain && run.first <= lost.last && run.last >= lost.first)
        hooks_.on_explained(run.chain, std::max(run.first, lost.first), std::min(run.last, lost.last), "held");
    const auto again = spool_.take_back(is_lost);
    hooks_.log(LogLevel::error, LogLine("server-lost").field("chain", lost.chain.hex().substr(0, 8)).number("first", static_cast<std::int64_t>(lost.first))
                                    .number("last", static_cast<std::int64_t>(lost.last)).number("sent-again", static_cast<std::int64_t>(again)));
  }
}

// ---- refusals -----------------------------------------------------------------------------------------------------------------------

void LettingGo::apply_refusals(const envelope::Receipt& receipt) {
  for (const auto& refusal : receipt.refusals) apply_refusal(refusal);
  std::erase_if(parcels_, [this](const auto& parcel) {
    return std::none_of(parcel.second.begin(), parcel.second.end(), [this](const EnvelopeName& name) { return spool_.contains(name); });
  });
}

// A refused parcel of one: that envelope is bad, for this server. Of several: perhaps one of them; each goes alone and is judged alone. A receipt repeats
// what was refused long ago: what it covers all the same is stored, and leaving.
void LettingGo::apply_refusal(const envelope::Refusal& refusal) {
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

}  // namespace shutterseal::uploader
