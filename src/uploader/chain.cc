// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/chain.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/key_value.h"
#include "src/base/text.h"
#include "src/envelope/keys.h"

namespace shutterseal::uploader {

ChainState new_chain(const Digest& previous) {
  ChainState state;
  state.chain = *ChainId::from_view(envelope::random_octets(ChainId::kSize));
  state.base_previous = previous;
  return state;
}

// A camera's software chooses the names of originals: hexadecimal here, so that none of them can forge a line.
std::string format_chain(const ChainState& state) {
  auto text = format_key_value("format", "1") + format_key_value("chain", state.chain.hex()) +
              format_key_value("next", std::to_string(state.base)) + format_key_value("previous", state.base_previous.hex());
  for (const auto& one : state.pending)
    text += format_key_value("pending", std::to_string(one.sequence) + " " + one.digest.hex() + " " +
                                            (one.original.empty() ? "-" : to_hex(as_bytes(one.original))));
  return text;
}

static std::optional<Pending> parse_pending(std::string_view value) {
  const auto parts = split(value, ' ');
  if (parts.size() != 3) return std::nullopt;
  const auto sequence = parse_decimal(parts[0], kLargestInteger);
  const auto digest = Digest::parse(parts[1]);
  const auto original = parts[2] == "-" ? std::optional<Bytes>(Bytes{}) : from_hex(parts[2], parts[2].size() / 2);
  if (!sequence || !digest || !original) return std::nullopt;
  return Pending{*sequence, *digest, std::string(as_text(*original))};
}

static bool take_pending(ChainState& state, const KeyValue& entry) {
  auto pending = entry.key == "pending" ? parse_pending(entry.value) : std::nullopt;
  if (!pending || pending->sequence != state.next()) return false;
  state.pending.push_back(std::move(*pending));
  return true;
}

static constexpr unsigned kAllSeen = 7;

// What is pending counts on from the three before it: in any other order the file is not one that this program wrote.
static bool take(ChainState& state, const KeyValue& entry, unsigned& seen) {
  if (seen == kAllSeen) return take_pending(state, entry);
  if (entry.key == "chain") {
    const auto chain = ChainId::parse(entry.value);
    if (chain) state.chain = *chain;
    seen |= 1;
    return chain.has_value();
  }
  if (entry.key == "next") {
    state.base = parse_decimal(entry.value, kLargestInteger).value_or(0);
    seen |= 2;
    return state.base != 0;
  }
  if (entry.key == "previous") {
    const auto digest = Digest::parse(entry.value);
    if (digest) state.base_previous = *digest;
    seen |= 4;
    return digest.has_value();
  }
  return false;
}

static std::vector<KeyValue> entries_of(std::string_view text, const std::string& file) {
  try {
    return parse_key_values(text, file);
  } catch (const Error&) {
    return {};  // damaged: the caller starts a new chain
  }
}

std::optional<ChainState> parse_chain(std::string_view text, const std::string& file) {
  ChainState state;
  unsigned seen = 0;
  const auto entries = entries_of(text, file);
  if (entries.empty() || entries.front().key != "format") return std::nullopt;
  const auto format = parse_decimal(entries.front().value, kLargestInteger);
  if (!format || *format == 0) return std::nullopt;
  if (*format > 1) fail_at(file, entries.front().line, "format " + std::to_string(*format) + " is newer than this program");
  for (auto entry = entries.begin() + 1; entry != entries.end(); ++entry)
    if (!take(state, *entry, seen)) return std::nullopt;
  // A sequence beyond the last is one that the sealer must not be asked for: it would stop at each start.
  return seen == kAllSeen && state.next() <= kLargestInteger ? std::optional(state) : std::nullopt;
}

static bool is_committed(const ChainState& state, const Pending& one, const Surroundings& around) {
  const EnvelopeName name{state.chain, one.sequence, one.digest};
  if (std::find(around.envelopes.begin(), around.envelopes.end(), name) != around.envelopes.end()) return true;
  if (around.sent && around.sent->covers(state.chain, one.sequence)) return true;
  // Originals are removed only after the commit: where one is gone the envelope existed, whatever became of it.
  return !one.original.empty() && !around.original_exists(one.original);
}

static Digest last_known(const Surroundings& around) {
  const EnvelopeName* newest = nullptr;
  for (const auto& name : around.envelopes)
    if (!newest || name.sequence > newest->sequence) newest = &name;
  if (newest) return newest->digest;
  if (around.sent && !around.sent->runs().empty()) return around.sent->runs().back().last_digest;
  return {};
}

static bool is_older_than_spool(const ChainState& state, const Surroundings& around) {
  const auto beyond = [&](const EnvelopeName& name) { return name.chain == state.chain && name.sequence >= state.next(); };
  if (std::any_of(around.envelopes.begin(), around.envelopes.end(), beyond)) return true;
  return around.sent && std::any_of(around.sent->runs().begin(), around.sent->runs().end(), [&](const SentRun& run) {
           return run.chain == state.chain && run.last >= state.next();
         });
}

Reconciled reconcile(const std::optional<ChainState>& stored, const Surroundings& around) {
  if (!stored || is_older_than_spool(*stored, around)) return {new_chain(stored ? stored->previous() : last_known(around)), true, {}};
  Reconciled result;
  auto kept = *stored;
  // Cut back to the last one that exists; one missing before it stays missing, and its original is sealed again under a new sequence.
  while (!kept.pending.empty() && !is_committed(*stored, kept.pending.back(), around)) kept.pending.pop_back();
  for (const auto& one : kept.pending)
    if (!one.original.empty() && is_committed(*stored, one, around)) result.finished.push_back(one.original);
  result.state = kept.settled();
  return result;
}

}  // namespace shutterseal::uploader
