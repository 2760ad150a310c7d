// SPDX-License-Identifier: Apache-2.0
// A drop on its way through the pipeline: first a file of the camera's that was opened once, then what a verifier said of its octets.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/fd.h"
#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/envelope/envelope.h"
#include "src/evidence/evidence.h"
#include "src/server/trust.h"

namespace shutterseal::ingestd {

// Refused before anybody judges it: too large to be, or another's. It is read for its digest alone, and never held in memory.
struct Unjudged {
  Verdict verdict = Verdict::too_large;
  std::string why;  // one line for people
  std::uint64_t size = 0;
  TimeMs changed_at = 0;  // by the kernel's clock
};

// A name in held/ (holder.h): since when the server has had octets of this digest, and as what they were dropped.
struct HeldName {
  TimeMs had_since = 0;
  Digest digest;
  std::string name;
  friend bool operator==(const HeldName&, const HeldName&) = default;
};
[[nodiscard]] std::string format_held(const HeldName& held);
[[nodiscard]] std::optional<HeldName> parse_held(const std::string& text);  // nothing: not a name that was made here

struct Drop {
  CameraId camera;
  std::string name;  // in incoming/ or held/
  TimeMs received_at = 0;  // when it was taken in
  dev_t device = 0;  // with inode: which file was judged, should the name mean another one by now
  ino_t inode = 0;
  std::uint64_t size = 0;  // that it will take in memory
  Fd file;                     // closed when its octets were read
  bool is_for_keeping = false; // in memory until the commit: its camera is revoked, and where it goes is decided there
  TimeMs unchanged_since = kLatestTime;  // by the kernel's clock, once its octets were read: the server had them then
  std::optional<Unjudged> unjudged = {};
  bool is_held = false;  // lies in held/

  [[nodiscard]] std::string dropped_as() const {
    const auto held = is_held ? parse_held(name) : std::nullopt;
    return held ? held->name : name;
  }
  // So no time that the daemon was away counts, and a second try gives the same.
  [[nodiscard]] TimeMs had_since() const noexcept { return std::min(received_at, unchanged_since); }
};

struct JudgedDrop {
  Drop drop;
  std::vector<envelope::Judged> envelopes;
  std::vector<server::Signer> signers;  // that the verifier was given
  // What was judged, as one or the other: a draft an envelope, in order; or all octets, where not all of them are to be stored.
  std::vector<std::shared_ptr<evidence::Draft>> drafts;
  Bytes octets;
  std::optional<Digest> unjudged = {};  // of a drop that was refused so, and is in quarantine
};

}  // namespace shutterseal::ingestd
