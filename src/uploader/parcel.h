// SPDX-License-Identifier: Apache-2.0
// Parcels: one or more envelopes back to back, the unit of upload. Read from the spool while they are sent; never whole in memory.
#pragma once

#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/fd.h"
#include "src/envelope/keys.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

inline constexpr std::size_t kMostInParcel = 256;

struct Parcel {
  std::vector<Envelope> envelopes;
  std::uint64_t size = 0;
  std::string name;
};
// FIRST-LAST-HASH16.parcel: the same envelopes have the same name, and no octet is read for it.
[[nodiscard]] Parcel make_parcel(const std::vector<Envelope>& envelopes);

// The octets of a parcel, in order, for transport::Source. Each envelope is hashed as it is read, and its last octets are given only when the digest is
// the one in its name: else Error io, and damaged() says which. An upload that is cut short there has no name on the server.
class ParcelReader {
 public:
  ParcelReader(Spool& spool, const Parcel& parcel) : spool_(spool), parcel_(parcel) {}
  [[nodiscard]] std::size_t read(std::span<std::uint8_t> out);
  [[nodiscard]] const std::optional<EnvelopeName>& damaged() const { return damaged_; }

 private:
  [[nodiscard]] std::size_t read_some(std::span<std::uint8_t> out);
  void begin();
  void end();
  [[noreturn]] void fail(const std::string& reason);
  Spool& spool_;
  const Parcel& parcel_;
  std::size_t at_ = 0;      // the envelope that is being read
  std::uint64_t left_ = 0;  // of it
  Fd fd_;
  envelope::Sha256 hash_;
  std::optional<EnvelopeName> damaged_;
};

// How large the next parcel may be: about ten seconds of the measured rate, half after a cut.
class Pace {
 public:
  Pace(std::uint64_t least, std::uint64_t most);
  void sent(std::uint64_t octets, std::int64_t elapsed_ms);
  void cut();
  [[nodiscard]] std::uint64_t octets() const { return octets_; }

 private:
  std::uint64_t least_, most_, octets_;
};

}  // namespace shutterseal::uploader
