// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/receipt.h"

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"
#include "src/uploader/state.h"

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

// ---- state/receipt ------------------------------------------------------------------------------------------------------------------

static std::optional<SentRun> parse_sent(std::string_view value) {
  const auto parts = split(value, ' ');
  if (parts.size() != 5) return std::nullopt;
  const auto chain = ChainId::parse(parts[0]);
  const auto first = parse_decimal(parts[1], kLargestInteger), last = parse_decimal(parts[2], kLargestInteger);
  const auto digest = Digest::parse(parts[3]), previous = Digest::parse(parts[4]);
  if (!chain || !first || !last || !digest || !previous || *first == 0 || *first > *last) return std::nullopt;
  return SentRun{*chain, *first, *last, *digest, *previous};
}

// A comment, so that it is no new format: half a file, cut at the end of a line, would read as a whole one.
static std::string count_line(std::size_t runs) { return "# runs: " + std::to_string(runs) + "\n"; }

static bool take(ReceiptState& state, const KeyValue& entry) {
  if (entry.key == "sent") {
    const auto run = parse_sent(entry.value);
    if (run) state.sent.add(*run);
    return run.has_value();
  }
  if (entry.key == "proof") {
    state.proof = EnvelopeName::parse(entry.value);
    return state.proof.has_value();
  }
  if (entry.key == "lost") return state.is_lost = entry.value == "yes";
  const auto number = parse_decimal(entry.value, kLargestInteger);
  if (entry.key == "number") state.number = number.value_or(0);
  if (entry.key == "time") state.time = static_cast<TimeMs>(number.value_or(0));
  return number && (entry.key == "number" || entry.key == "time");
}

std::optional<ReceiptState> parse_receipt_state(std::string_view text, const std::string& file) {
  std::vector<KeyValue> entries;
  try {
    entries = parse_key_values(text, file);
  } catch (const Error&) {
    return std::nullopt;
  }
  if (entries.empty() || entries.front().key != "format") return std::nullopt;
  const auto format = parse_decimal(entries.front().value, kLargestInteger);
  if (!format || *format == 0) return std::nullopt;
  if (*format > 1) fail_at(file, entries.front().line, "format " + std::to_string(*format) + " is newer than this program");
  ReceiptState state;
  for (auto entry = entries.begin() + 1; entry != entries.end(); ++entry)
    if (!take(state, *entry)) return std::nullopt;
  const auto count = [&entries](const char* key) { return std::count_if(entries.begin(), entries.end(), [key](const KeyValue& entry) { return entry.key == key; }); };
  const auto runs = count("sent");
  if (count("number") != 1 || count("time") != 1) return std::nullopt;
  const bool is_counted = text.find("\n# runs: ") != std::string_view::npos;
  if (is_counted && text.find("\n" + count_line(static_cast<std::size_t>(runs))) == std::string_view::npos) return std::nullopt;
  return state;
}

std::string format_receipt_state(const ReceiptState& state) {
  auto text = format_key_value("format", "1") + count_line(state.sent.runs().size());
  if (state.is_lost) text += format_key_value("lost", "yes");
  if (state.proof) text += format_key_value("proof", state.proof->text());
  text += format_key_value("number", std::to_string(state.number)) + format_key_value("time", std::to_string(state.time));
  for (const auto& run : state.sent.runs())
    text += format_key_value("sent", run.chain.hex() + " " + std::to_string(run.first) + " " + std::to_string(run.last) + " " +
                                         run.last_digest.hex() + " " + run.previous.hex());
  return text;
}

ReceiptState load_receipt_state(const std::string& file) {
  const auto text = read_state_text(file);
  if (!text && !exists(file)) return {};
  auto state = text ? parse_receipt_state(*text, file) : std::nullopt;
  if (state) return std::move(*state);
  ReceiptState lost;
  lost.is_lost = true;
  return lost;
}

void save_receipt_state(const std::string& file, const ReceiptState& state) {
  replace_file(file, as_bytes(format_receipt_state(state)), 0600);
}

// ---- what a run covers --------------------------------------------------------------------------------------------------------------

// What this camera has below a hole, of one chain.
class Below {
 public:
  Below(std::vector<EnvelopeName> ours, const SentRuns& sent, const ChainId& chain) : ours_(std::move(ours)) {
    for (const auto& run : sent.runs())
      if (run.chain == chain) ours_.push_back({chain, run.last, run.last_digest});
  }
  // Of the one at that place; nothing when there is none, or are several.
  [[nodiscard]] std::optional<Digest> only_at(std::uint64_t sequence) const {
    std::optional<Digest> found;
    for (const auto& name : ours_) {
      if (name.sequence != sequence || name.digest == found) continue;
      if (found) return std::nullopt;
      found = name.digest;
    }
    return found;
  }
  [[nodiscard]] std::uint64_t nearest(std::uint64_t sequence) const {  // 0: none
    std::uint64_t nearest = 0;
    for (const auto& name : ours_)
      if (name.sequence < sequence) nearest = std::max(nearest, name.sequence);
    return nearest;
  }

 private:
  std::vector<EnvelopeName> ours_;
};

Coverage covered_by(const envelope::Run& run, const SpoolView& spool, const SentRuns& sent) {
  Coverage covered;
  std::optional<Digest> digest = run.last_digest;
  std::optional<Below> known;
  const auto below = [&]() -> const Below& {
    if (!known) known.emplace(spool.all(run.chain), sent, run.chain);
    return *known;
  };
  for (auto sequence = run.last; sequence >= run.first && sequence != 0;) {
    if (!digest) digest = below().only_at(sequence);
    if (!digest) break;
    const EnvelopeName name{run.chain, sequence, *digest};
    if (spool.contains(name)) {
      digest = spool.previous(name);
      covered.names.push_back(name);
      covered.runs.push_back({run.chain, sequence, sequence, name.digest, digest.value_or(Digest{})});
      --sequence;
    } else if (const auto* gone = sent.ending(run.chain, sequence, *digest)) {
      digest = gone->previous.is_zero() ? std::nullopt : std::optional(gone->previous);
      sequence = gone->first - 1;
    } else if (sequence != run.last) {  // named by our own above it: held by the server, and here no more
      const auto first = std::max(run.first, below().nearest(sequence) + 1);
      covered.runs.push_back({run.chain, first, sequence, *digest, {}});
      digest.reset();
      sequence = first - 1;
    } else {
      break;  // not a digest that this camera computed: nothing below it is proven to be ours
    }
  }
  return covered;
}

}  // namespace shutterseal::uploader
