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

// One camera's. Remembers what it found, so a backlog of any length is walked once; make a new one after the index has changed.
class Theft {
 public:
  // `index` may be null: then only what is added is known.
  Theft(const Index* index, const CameraId& camera, TimeMs stolen_at) : index_(index), camera_(camera), stolen_at_(stolen_at) {}
  // Known beside the index: about to be stored, or found on the camera. It vouches for others as soon as something vouches for it.
  void add(const Link& link);
  [[nodiscard]] Proof proof_of(const Link& link);
  [[nodiscard]] TimeMs stolen_at() const noexcept { return stolen_at_; }

 private:
  using Steps = std::map<Digest, Digest>;  // each envelope that was reached, and the one from which
  [[nodiscard]] std::vector<Link> followers(const Link& link) const;
  [[nodiscard]] std::optional<Digest> anchor_at(const Link& link) const;
  [[nodiscard]] std::optional<Digest> walk(const Link& start);
  void note_path(const Steps& steps, Digest at, const Digest& anchor);

  const Index* index_;
  CameraId camera_;
  TimeMs stolen_at_;
  std::multimap<Digest, Link> added_;   // by `previous`
  std::map<Digest, Digest> anchors_;    // of what is linked, and from which
  std::set<Digest> hopeless_;           // nothing leads to them
};

}  // namespace shutterseal::ledger
