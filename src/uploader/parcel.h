// SPDX-License-Identifier: Apache-2.0
// Parcels: one or more envelopes back to back, the unit of upload. Read from the spool while they are sent; never whole in memory.
#pragma once

#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/fd.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

inline constexpr std::size_t kMostInParcel = 256;

struct Parcel {
  std::vector<EnvelopeName> envelopes;
  std::uint64_t size = 0;
  Digest digest;  // SHA-256 of the whole: how a receipt names a refused one
  std::string name;
};
[[nodiscard]] std::string parcel_name(std::uint64_t first, std::uint64_t last, const Digest& digest);
// Hashes the files (one alone is named by its digest already). Error io when one has not the size it should have.
[[nodiscard]] Parcel make_parcel(const Spool& spool, const std::vector<Envelope>& envelopes);

// The octets of a parcel, in order, for transport::Source.
class ParcelReader {
 public:
  ParcelReader(const Spool& spool, const std::vector<EnvelopeName>& envelopes) : spool_(spool), envelopes_(envelopes) {}
  [[nodiscard]] std::size_t read(std::span<std::uint8_t> out);

 private:
  const Spool& spool_;
  const std::vector<EnvelopeName>& envelopes_;
  std::size_t next_ = 0;
  Fd fd_;
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
