// SPDX-License-Identifier: Apache-2.0
// One envelope as a file of our own: its name CHAIN-SEQUENCE-DIGEST.p7m, what a listing shows of it, and whether its octets are still those that the
// name speaks of. Whatever a worn card makes of a file is a value here; an Error is trouble that is not the file's (no descriptor, no memory).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/file.h"
#include "src/base/ids.h"
#include "src/base/time.h"

namespace shutterseal::uploader {

struct EnvelopeName {
  ChainId chain;
  std::uint64_t sequence = 0;
  Digest digest;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static std::optional<EnvelopeName> parse(std::string_view text);  // exactly what text() makes
  friend auto operator<=>(const EnvelopeName&, const EnvelopeName&) = default;
};

struct Envelope {
  EnvelopeName name;
  std::uint64_t size = 0;
  bool alone = false;    // was in a refused parcel with others: goes alone now
  bool event = false;    // goes before all pictures
  bool suspect = false;  // to be read whole before it is sent
};

// What a directory listing shows, for reconciling and for status. What is no file, or cannot
// even be looked at (a damaged inode), is listed, and suspect.
struct Listed {
  Envelope envelope;
  TimeMs modified = 0;
};
[[nodiscard]] std::vector<Listed> list_envelopes(int dir);

// What an envelope of our own says in its passage, of its predecessor and of itself; nothing when it cannot be found there.
// Only for files of our own spool: it looks for the one place that the template gives it, near the end of the file.
struct Link {
  Digest previous;
  bool event = false;
};
[[nodiscard]] std::optional<Link> find_link(ByteView tail, const EnvelopeName& name);
// From the file, which nobody has held against its digest: good enough to say what goes first, not what may be let go.
[[nodiscard]] std::optional<Link> link_of(int dir, const EnvelopeName& name);
[[nodiscard]] std::optional<Link> link_of_open(int fd, const EnvelopeName& name);

enum class Condition { whole, damaged, vanished };
struct Examined {
  Condition condition = Condition::whole;
  std::string reason;        // of damage, one line
  std::uint64_t size = 0;    // of a whole one, as what follows
  std::optional<Link> link;
};
[[nodiscard]] Examined examine(int dir, const EnvelopeName& name);  // reads all of it
inline constexpr const char* kOtherOctets = "its octets are not those that were sealed";
[[nodiscard]] std::string reason_of(const HostileFile& file);  // why it cannot be read, one line

}  // namespace shutterseal::uploader
