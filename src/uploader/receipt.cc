// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/receipt.h"

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"

namespace shutterseal::uploader {

static bool follows(const SentRun& later, const SentRun& earlier) {
  return later.chain == earlier.chain && later.first == earlier.last + 1 && later.previous == earlier.last_digest;
}

void SentRuns::add(const SentRun& added) {
  auto run = added;
  if (ending(run.chain, run.last, run.last_digest)) return;  // a crash between remembering and deleting: already known
  for (auto other = runs_.begin(); other != runs_.end();) {
    if (follows(run, *other)) {
      run.first = other->first;
      run.previous = other->previous;
      other = runs_.erase(other);
    } else if (follows(*other, run)) {
      run.last = other->last;
      run.last_digest = other->last_digest;
      other = runs_.erase(other);
    } else {
      ++other;
    }
  }
  runs_.push_back(run);
  if (runs_.size() > kMostSentRuns) runs_.erase(runs_.begin());
}

bool SentRuns::covers(const ChainId& chain, std::uint64_t sequence) const {
  return std::any_of(runs_.begin(), runs_.end(),
                     [&](const SentRun& run) { return run.chain == chain && run.first <= sequence && sequence <= run.last; });
}

const SentRun* SentRuns::ending(const ChainId& chain, std::uint64_t last, const Digest& digest) const {
  for (const auto& run : runs_)
    if (run.chain == chain && run.last == last && run.last_digest == digest) return &run;
  return nullptr;
}

bool is_held(const std::vector<envelope::Run>& held, const ChainId& chain, std::uint64_t first, std::uint64_t last) {
  // By several runs, too: behind a fork the server's runs begin and end elsewhere than ours.
  while (first <= last) {
    const auto run = std::find_if(held.begin(), held.end(), [&](const envelope::Run& one) { return one.chain == chain && one.first <= first && first <= one.last; });
    if (run == held.end()) return false;
    first = run->last + 1;
  }
  return true;
}

std::vector<SentRun> SentRuns::take_lost(const std::vector<envelope::Run>& held) {
  const auto lost = std::stable_partition(runs_.begin(), runs_.end(), [&](const SentRun& run) { return is_held(held, run.chain, run.first, run.last); });
  std::vector<SentRun> taken(lost, runs_.end());
  runs_.erase(lost, runs_.end());
  return taken;  // cppcheck-suppress invalidContainer -- a copy, no view of it
}

static SentRun parse_sent(const KeyValue& entry, const std::string& file) {
  const auto parts = split(entry.value, ' ');
  if (parts.size() != 5) fail_at(file, entry.line, "five words are needed");
  const auto chain = ChainId::parse(parts[0]);
  const auto first = parse_decimal(parts[1], kLargestInteger), last = parse_decimal(parts[2], kLargestInteger);
  const auto digest = Digest::parse(parts[3]), previous = Digest::parse(parts[4]);
  if (!chain || !first || !last || !digest || !previous || *first == 0 || *first > *last) fail_at(file, entry.line, "no run of envelopes");
  return {*chain, *first, *last, *digest, *previous};
}

static std::uint64_t parse_number(const KeyValue& entry, const std::string& file) {
  const auto number = parse_decimal(entry.value, kLargestInteger);
  if (!number) fail_at(file, entry.line, "a number is needed");
  return *number;
}

ReceiptState parse_receipt_state(std::string_view text, const std::string& file) {
  ReceiptState state;
  bool formatted = false;
  for (const auto& entry : parse_key_values(text, file)) {
    if (entry.key == "format") {
      if (entry.value != "1") fail_at(file, entry.line, "format " + escape_untrusted(entry.value) + " is newer than this program");
      formatted = true;
    } else if (entry.key == "number") {
      state.number = parse_number(entry, file);
    } else if (entry.key == "time") {
      state.time = static_cast<TimeMs>(parse_number(entry, file));
    } else if (entry.key == "sent") {
      state.sent.add(parse_sent(entry, file));
    } else {
      fail_at(file, entry.line, "unknown key '" + entry.key + "'");
    }
  }
  if (!formatted) throw Error(ErrorKind::config, file + ": no format number");
  return state;
}

std::string format_receipt_state(const ReceiptState& state) {
  auto text = format_key_value("format", "1") + format_key_value("number", std::to_string(state.number)) +
              format_key_value("time", std::to_string(state.time));
  for (const auto& run : state.sent.runs())
    text += format_key_value("sent", run.chain.hex() + " " + std::to_string(run.first) + " " + std::to_string(run.last) + " " +
                                         run.last_digest.hex() + " " + run.previous.hex());
  return text;
}

ReceiptState load_receipt_state(const std::string& file) {
  if (!exists(file)) return {};
  return parse_receipt_state(as_text(read_file(file, kLargestTextFile)), file);
}

void save_receipt_state(const std::string& file, const ReceiptState& state) {
  replace_file(file, as_bytes(format_receipt_state(state)), 0600);
}

std::vector<Covered> covered_by(const envelope::Run& run, const SpoolView& spool, const SentRuns& sent) {
  std::vector<Covered> covered;
  auto sequence = run.last;
  auto digest = run.last_digest;
  while (sequence >= run.first && sequence != 0) {
    const EnvelopeName name{run.chain, sequence, digest};
    if (spool.contains(name)) {
      const auto previous = spool.previous(name);
      covered.push_back({name, previous.value_or(Digest{}), previous.has_value()});
      if (!previous) break;
      digest = *previous;
      --sequence;
    } else if (const auto* gone = sent.ending(run.chain, sequence, digest)) {
      digest = gone->previous;
      sequence = gone->first - 1;
    } else {
      break;  // not a digest that this camera computed: nothing below it is proven to be ours
    }
  }
  return covered;
}

}  // namespace shutterseal::uploader
