// SPDX-License-Identifier: Apache-2.0
// The camera's chain: which sequence comes next and which digest it names. state/chain is written before the group that it announces
// gets its names in the spool, so a crash leaves a list of what may or may not have been committed, and which original each one holds.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/base/ids.h"
#include "src/uploader/receipt.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

struct Pending {
  std::uint64_t sequence = 0;
  Digest digest;
  std::string original;  // name in .claimed/; empty: an event, which has none
  friend bool operator==(const Pending&, const Pending&) = default;
};

struct ChainState {
  ChainId chain;
  std::uint64_t base = 1;  // sequence of the first pending one
  Digest base_previous;    // that it names
  std::vector<Pending> pending;
  [[nodiscard]] std::uint64_t next() const { return pending.empty() ? base : pending.back().sequence + 1; }
  [[nodiscard]] Digest previous() const { return pending.empty() ? base_previous : pending.back().digest; }
  [[nodiscard]] ChainState settled() const { return {chain, next(), previous(), {}}; }
  friend bool operator==(const ChainState&, const ChainState&) = default;
};
[[nodiscard]] ChainState new_chain(const Digest& previous);
[[nodiscard]] std::string format_chain(const ChainState& state);
// Nothing when the file is damaged (a new chain is due); Error config when its format is newer.
[[nodiscard]] std::optional<ChainState> parse_chain(std::string_view text, const std::string& file);

struct Surroundings {
  std::vector<EnvelopeName> envelopes;  // in spool/, spool/refused/ and spool/kept/
  const SentRuns* sent = nullptr;
  std::function<bool(const std::string&)> original_exists;
};
struct Reconciled {
  ChainState state;
  bool renewed = false;                // a new chain was started
  std::vector<std::string> finished;   // originals whose envelope is committed: to be removed
};
// After a start or a crash: what was committed counts, what was not is sealed again; a state that is missing, damaged or older than
// the spool (a restored card) starts a new chain behind the last envelope known.
[[nodiscard]] Reconciled reconcile(const std::optional<ChainState>& stored, const Surroundings& around);

}  // namespace shutterseal::uploader
