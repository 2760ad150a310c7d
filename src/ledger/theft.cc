// SPDX-License-Identifier: Apache-2.0
#include "src/ledger/theft.h"

namespace shutterseal::ledger {

static constexpr std::size_t kShown = 16;  // hex digits

std::string Proof::text() const {
  switch (kind) {
    case Kind::received_before: return "received-before";
    case Kind::linked_from: return "linked-from:" + from.hex().substr(0, kShown);
    case Kind::none: break;
  }
  return {};
}

// The next of the same chain, or the first of one that was begun after it: as Index::followers() finds them.
static bool follows(const Link& next, const Link& link) {
  return next.previous == link.digest && (next.sequence == 1 || (next.chain == link.chain && next.sequence == link.sequence + 1));
}

// Asked about at once: what was hopeless stays so unless this one is good, so a thief cannot have it walked again.
void Theft::add(const Link& link) {
  added_.emplace(link.previous, link);
  const auto proof = proof_of(link);
  if (proof) redeem(link, proof.kind == Proof::Kind::received_before ? link.digest : proof.from);
}

// What lies between a hopeless one and `good` is hopeless, too, or was redeemed.
void Theft::redeem(Link good, const Digest& anchor) {
  hopeless_.erase(good.digest);  // as a copy that came later
  for (auto at = hopeless_.find(good.previous); at != hopeless_.end() && follows(good, at->second); at = hopeless_.find(good.previous)) {
    good = at->second;
    anchors_.insert_or_assign(good.digest, anchor);
    hopeless_.erase(at);
  }
}

std::vector<Link> Theft::followers(const Link& link) const {
  auto all = links_ ? links_->followers(camera_, link) : std::vector<Link>{};
  const auto [begin, end] = added_.equal_range(link.digest);
  for (auto at = begin; at != end; ++at)
    if (follows(at->second, link)) all.push_back(at->second);
  return all;
}

std::optional<Digest> Theft::anchor_at(const Link& link) const {
  if (link.received_at && *link.received_at < stolen_at_) return link.digest;
  const auto known = anchors_.find(link.digest);
  return known == anchors_.end() ? std::nullopt : std::optional(known->second);
}

void Theft::note_path(const Steps& steps, Digest at, const Digest& anchor) {
  for (;;) {
    anchors_.insert_or_assign(at, anchor);
    const auto& from = steps.at(at);
    if (from == at) return;
    at = from;
  }
}

// Forwards, from what is asked about towards what vouches for it: there is one step a place, and more of them only at forks.
std::optional<Digest> Theft::walk(const Link& start) {
  Steps steps{{start.digest, start.digest}};
  std::vector<Link> open{start}, seen;
  while (!open.empty()) {
    const auto link = open.back();
    open.pop_back();
    seen.push_back(link);
    for (const auto& next : followers(link)) {
      if (const auto anchor = anchor_at(next)) {
        note_path(steps, link.digest, *anchor);
        return anchor;
      }
      if (!hopeless_.contains(next.digest) && steps.emplace(next.digest, link.digest).second) open.push_back(next);
    }
  }
  for (const auto& link : seen) hopeless_.emplace(link.digest, link);
  return std::nullopt;
}

Proof Theft::proof_of(const Link& link) {
  if (link.received_at && *link.received_at < stolen_at_) return {Proof::Kind::received_before, {}};
  auto anchor = anchor_at(link);
  if (!anchor && !hopeless_.contains(link.digest)) anchor = walk(link);
  return anchor ? Proof{Proof::Kind::linked_from, *anchor} : Proof{};
}

// Behind what was had before T nothing waits: it was good when it came.
std::vector<Row> Theft::newly_good(const Link& good) {
  std::vector<Row> rows;
  auto row = links_ ? links_->find_digest(good.digest) : std::nullopt;
  while (row && row->camera == camera_ && given_.insert(row->digest).second) {
    if (!rows.empty() && row->received_at < stolen_at_) break;
    rows.push_back(std::move(*row));
    row = links_->find_digest(rows.back().previous);
    if (row && !follows(link_of(rows.back()), link_of(*row))) row.reset();
  }
  return rows;
}

}  // namespace shutterseal::ledger
