// SPDX-License-Identifier: Apache-2.0
// What a receipt lets this camera delete, and what it must remember to know that.
//
// SECURITY: a receipt is believed about the server's storage, never about our own envelopes. A run counts only from a last digest that
// this camera computed itself, and downwards only along `previous` links that it sealed itself. Where the octets of an envelope are lost, and its link
// with them, it goes on with the one below if this camera has exactly one at that place. An older receipt is ignored.
//
// Lost: what state/receipt said is gone, and with it the number below which a receipt is old. Any receipt that a server ever signed could be replayed
// then, of a time before it lost what that one says. So nothing is let go until a receipt covers an event that was sealed after the loss was noticed:
// nobody could know its digest before. The number of that receipt is the new floor, and what it says is held fills the memory again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "src/base/ids.h"
#include "src/envelope/receipt.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

// Envelopes that were covered and deleted, unbroken: enough to walk past them when a later run ends beyond a hole.
struct SentRun {
  ChainId chain;
  std::uint64_t first = 0, last = 0;
  Digest last_digest;
  Digest previous;  // that envelope `first` names; zero when that is not known
  friend bool operator==(const SentRun&, const SentRun&) = default;
};
[[nodiscard]] bool is_held(const std::vector<envelope::Run>& held, const ChainId& chain, std::uint64_t first, std::uint64_t last);
inline constexpr std::size_t kMostSentRuns = 256;  // the oldest is forgotten: then a receipt covers less, and the rest is sent again

class SentRuns {
 public:
  void add(const SentRun& run);  // joins neighbours
  [[nodiscard]] bool covers(const ChainId& chain, std::uint64_t sequence) const;
  [[nodiscard]] const SentRun* ending(const ChainId& chain, std::uint64_t last, const Digest& digest) const;
  // Takes out the runs of which something lies in none of `held`: the server no longer has it.
  [[nodiscard]] std::vector<SentRun> take_lost(const std::vector<envelope::Run>& held);
  [[nodiscard]] const std::vector<SentRun>& runs() const { return runs_; }

 private:
  std::vector<SentRun> runs_;
};

struct ReceiptState {
  std::uint64_t number = 0;  // of the newest receipt seen
  TimeMs time = 0;           // the server's
  SentRuns sent;
  bool is_lost = false;
  std::optional<EnvelopeName> proof;  // the event that a fresh receipt must cover
};
// A missing file is an empty state, a damaged one is lost; Error config for one of a newer format.
[[nodiscard]] ReceiptState load_receipt_state(const std::string& file);
void save_receipt_state(const std::string& file, const ReceiptState& state);
// Nothing when the text is damaged.
[[nodiscard]] std::optional<ReceiptState> parse_receipt_state(std::string_view text, const std::string& file);
[[nodiscard]] std::string format_receipt_state(const ReceiptState& state);

// Our envelopes that no receipt let go, wherever they lie: what was put aside is still ours.
struct SpoolView {
  std::function<bool(const EnvelopeName&)> contains;
  std::function<std::optional<Digest>(const EnvelopeName&)> previous;  // from octets that hash to the name; nothing when they are lost
  std::function<std::vector<EnvelopeName>(const ChainId&)> all;        // asked for below a hole alone
};
struct Coverage {
  std::vector<EnvelopeName> names;  // newest first
  std::vector<SentRun> runs;        // for SentRuns: these, and what the server holds in between and this camera has no more
};
[[nodiscard]] Coverage covered_by(const envelope::Run& run, const SpoolView& spool, const SentRuns& sent);

}  // namespace shutterseal::uploader
