// SPDX-License-Identifier: Apache-2.0
// What a theft at T leaves good: what the server had before T, and what leads backwards from that by `previous`. A digest cannot be chosen to fit, so
// what an older envelope names was there before it, whenever it arrives; and no clock of the camera is asked. Nothing can close a circle either:
// each digest covers the `previous` beside it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/ledger/index.h"

namespace shutterseal::ledger {

struct Proof {
  enum class Kind { none, received_before, linked_from };
  Kind kind = Kind::none;
  Digest from;                             // linked_from: the envelope that was had before T
  [[nodiscard]] std::string text() const;  // "received-before", "linked-from:DIGEST16"; empty: void after the theft
  [[nodiscard]] explicit operator bool() const noexcept { return kind != Kind::none; }
};

// One camera's. Remembers what it found, so that each envelope is walked over once, whatever a thief goes on to send; make a new one when the index
// has changed by more than what was added.
class Theft {
 public:
  // `links` may be null: then only what is added is known.
  Theft(const Links* links, const CameraId& camera, TimeMs stolen_at) : links_(links), camera_(camera), stolen_at_(stolen_at) {}
  // Known beside the index: about to be stored, or found on the camera. It vouches for others as soon as something vouches for it.
  void add(const Link& link);
  [[nodiscard]] Proof proof_of(const Link& link);
  // The rows of what is good and of all that it leads to, backwards; without those that were given before, and what lies behind them.
  [[nodiscard]] std::vector<Row> newly_good(const Link& good);
  [[nodiscard]] TimeMs stolen_at() const noexcept { return stolen_at_; }

 private:
  using Steps = std::map<Digest, Digest>;  // each envelope that was reached, and the one from which
  [[nodiscard]] std::vector<Link> followers(const Link& link) const;
  [[nodiscard]] std::optional<Digest> anchor_at(const Link& link) const;
  [[nodiscard]] std::optional<Digest> walk(const Link& start);
  void note_path(const Steps& steps, Digest at, const Digest& anchor);
  void redeem(Link good, const Digest& anchor);

  const Links* links_;
  CameraId camera_;
  TimeMs stolen_at_;
  std::multimap<Digest, Link> added_;   // by `previous`
  std::map<Digest, Digest> anchors_;    // of what is linked, and from which
  std::map<Digest, Link> hopeless_;     // nothing leads to them, nor to what they lead on to
  std::set<Digest> given_;              // by newly_good()
};

}  // namespace shutterseal::ledger
