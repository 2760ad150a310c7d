// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/gaps.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"
#include "src/uploader/state.h"

namespace shutterseal::uploader {

static constexpr std::size_t kMostStated = 1024;   // the oldest is forgotten, and said again if it is still so
static constexpr std::size_t kMostUnsealed = 10'000;
static constexpr std::int64_t kStatementPause = 600'000, kSavePause = 60'000;
static constexpr const char* kUnsealedFile = "unsealed";

// ---- of the chain -------------------------------------------------------------------------------------------------------------------

std::string note_of(const Gap& gap) {
  return fmt::format("gap {}-{} {}{}", gap.first, gap.last, gap.reason, gap.elsewhere ? " of " + gap.chain.hex().substr(0, 8) : "");
}

std::string text_of(const Gap& gap) {
  const auto* what = gap.reason == "refused"   ? "the server refused them; they are in spool/refused/ of the camera"
                     : gap.reason == "damaged" ? "the camera's disk gives no longer what was sealed; what is left of it is in spool/damaged/ of the camera"
                                               : "they were sealed, and are neither in the camera's spool nor covered by a receipt";
  return fmt::format("{} envelopes of chain {}, {} to {}: {}", gap.last - gap.first + 1, gap.chain.hex(), gap.first, gap.last, what);
}

static void append(std::vector<Gap>& gaps, const Gap& gap) {
  if (!gaps.empty() && gaps.back().chain == gap.chain && gaps.back().reason == gap.reason && gaps.back().last + 1 == gap.first)
    gaps.back().last = gap.last;
  else
    gaps.push_back(gap);
}

std::vector<Gap> find_vanished(const ChainState& state, const std::vector<EnvelopeName>& here, const SentRuns& sent) {
  std::vector<Gap> gaps;
  if (sent.runs().size() >= kMostSentRuns) return gaps;
  std::map<std::uint64_t, std::uint64_t> known;  // first -> last
  const auto add = [&known](std::uint64_t first, std::uint64_t last) { known[first] = std::max(known[first], last); };
  for (const auto& name : here)
    if (name.chain == state.chain) add(name.sequence, name.sequence);
  for (const auto& run : sent.runs())
    if (run.chain == state.chain) add(run.first, run.last);
  known[state.next()] = state.next();
  std::uint64_t expected = 1;
  for (const auto& [first, last] : known) {
    if (first > expected && expected < state.next()) append(gaps, {state.chain, expected, std::min(first, state.next()) - 1, "vanished", false});
    expected = std::max(expected, last + 1);
  }
  return gaps;
}

std::vector<Gap> find_put_aside(std::vector<EnvelopeName> names, const std::string& reason, const ChainId& present, const SentRuns& sent) {
  std::sort(names.begin(), names.end());
  std::vector<Gap> gaps;
  for (const auto& name : names)
    if (!sent.covers(name.chain, name.sequence)) append(gaps, {name.chain, name.sequence, name.sequence, reason, name.chain != present});
  return gaps;
}

// ---- what was said ------------------------------------------------------------------------------------------------------------------

std::string StatedGaps::format(const std::vector<Gap>& gaps) {
  auto text = format_key_value("format", "1");
  for (const auto& gap : gaps) text += format_key_value("stated", gap.chain.hex() + " " + std::to_string(gap.first) + " " + std::to_string(gap.last) + " " + gap.reason);
  return text;
}

static std::optional<Gap> parse_gap(std::string_view value) {
  const auto parts = split(value, ' ');
  if (parts.size() != 4) return std::nullopt;
  const auto chain = ChainId::parse(parts[0]);
  const auto first = parse_decimal(parts[1], kLargestInteger), last = parse_decimal(parts[2], kLargestInteger);
  if (!chain || !first || !last || *first == 0 || *first > *last) return std::nullopt;
  return Gap{*chain, *first, *last, std::string(parts[3]), false};
}

std::vector<Gap> StatedGaps::parse(std::string_view text, const std::string& file) {
  std::vector<Gap> gaps;
  try {
    for (const auto& entry : parse_key_values(text, file)) {
      auto gap = entry.key == "stated" ? parse_gap(entry.value) : std::nullopt;
      if (gap) gaps.push_back(std::move(*gap));
    }
  } catch (const Error&) {
    return {};
  }
  return gaps;
}

StatedGaps::StatedGaps(std::string file) : file_(std::move(file)) {
  if (const auto text = read_state_text(file_)) stated_ = parse(*text, file_);
}

std::vector<Gap> StatedGaps::without(const std::vector<Gap>& gaps) const {
  const std::lock_guard guard(mutex_);
  auto known = stated_;
  std::sort(known.begin(), known.end(), [](const Gap& a, const Gap& b) { return a.first < b.first; });
  std::vector<Gap> left;
  for (const auto& gap : gaps) {
    auto expected = gap.first;
    for (const auto& one : known) {
      if (one.chain != gap.chain || one.last < expected || one.first > gap.last) continue;
      if (one.first > expected) append(left, {gap.chain, expected, one.first - 1, gap.reason, gap.elsewhere});
      expected = one.last + 1;
    }
    if (expected <= gap.last) append(left, {gap.chain, expected, gap.last, gap.reason, gap.elsewhere});
  }
  return left;
}

void StatedGaps::add(const std::vector<Gap>& gaps) {
  const std::lock_guard guard(mutex_);
  for (const auto& gap : gaps) append(stated_, gap);
  if (stated_.size() > kMostStated) stated_.erase(stated_.begin(), stated_.end() - static_cast<std::ptrdiff_t>(kMostStated));
  replace_file(file_, as_bytes(format(stated_)), 0600);
}

// ---- pictures that were never sealed --------------------------------------------------------------------------------------------------------

LossCounter::LossCounter(std::string file) : file_(std::move(file)) {
  if (!exists(file_)) return;
  for (const auto& entry : read_state(file_).value_or(std::vector<KeyValue>{})) {
    const auto space = entry.value.find(' ');
    const auto count = entry.key == "lost" && space != std::string::npos ? parse_decimal(entry.value.substr(0, space), kLargestInteger) : std::nullopt;
    if (count && *count != 0) counts_[entry.value.substr(space + 1)] = *count;
  }
}

void LossCounter::save() const {
  auto text = format_key_value("format", "1");
  for (const auto& [reason, count] : counts_) text += format_key_value("lost", std::to_string(count) + " " + reason);
  replace_file(file_, as_bytes(text), 0600);
}

void LossCounter::add(const std::string& reason, std::uint64_t count) {
  if (count == 0) return;
  counts_[reason] += count;
  save();
}

LossCounter::Counts LossCounter::due(std::int64_t now, bool ending) {
  if (counts_.empty() || (!ending && now < next_)) return {};
  next_ = now + kStatementPause;
  return counts_;
}

void LossCounter::stated(const std::string& reason, std::uint64_t count) {
  const auto known = counts_.find(reason);
  SHUTTERSEAL_BUG_UNLESS(known != counts_.end() && known->second >= count);
  known->second -= count;
  if (known->second == 0) counts_.erase(known);
  save();
}

std::string note_of_losses(const std::string& reason, std::uint64_t count, TimeMs when) { return fmt::format("gap {} {} {}", count, reason, rfc3339(when)); }

Unsealed::Unsealed(const std::string& dir) : dir_(dir), file_(dir + "/" + kUnsealedFile) {
  const auto entries = read_state(file_);
  if (!entries) return;  // none, or damaged: counted anew
  since_ = time_of(*entries, "since");
  if (since_ == 0) since_ = now_ms();
  for (const auto& entry : *entries) {
    if (entry.key == "lost") lost_ = parse_decimal(entry.value, kLargestInteger).value_or(0);
    if (entry.key == "waiting") waiting_.insert(entry.value);
  }
}

std::uint64_t Unsealed::lost(const Names& present) const {
  return lost_ + static_cast<std::uint64_t>(std::count_if(waiting_.begin(), waiting_.end(), [&](const std::string& name) { return !present.contains(name); }));
}

void Unsealed::look(const Names& waiting) {
  if (is_open() && waiting == waiting_) return;
  if (!is_open()) since_ = now_ms();
  lost_ = lost(waiting);
  waiting_ = waiting;
  while (waiting_.size() > kMostUnsealed) waiting_.erase(std::prev(waiting_.end()));
  unsaved_ = true;
  if (monotonic_ms() >= next_save_) save();
}

// Some hundred kilobytes, which a full spool must not cost a card for each new picture. A power cut forgets the losses of a minute.
void Unsealed::save() {
  if (!unsaved_) return;
  next_save_ = monotonic_ms() + kSavePause;
  auto text = format_key_value("format", "1") + format_key_value("since", std::to_string(since_)) + format_key_value("lost", std::to_string(lost_));
  for (const auto& name : waiting_) text += format_key_value("waiting", name);
  replace_file(file_, as_bytes(text), 0600);
  unsaved_ = false;
}

void Unsealed::forget() {
  unsaved_ = false;
  next_save_ = 0;
  waiting_.clear();
  lost_ = 0;
  since_ = 0;
  const auto dir = open_dir(dir_);
  unlink_at(dir.get(), kUnsealedFile);
  sync_dir(dir.get(), dir_);  // back after a power cut it would be counted again
}

}  // namespace shutterseal::uploader
