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
  std::string name;
};
// FIRST-LAST-HASH16.parcel: the same envelopes have the same name, and no octet is read for it.
[[nodiscard]] Parcel make_parcel(const std::vector<Envelope>& envelopes);

// The octets of a parcel, in order, for transport::Source. Error io when they are not as many as they should be.
class ParcelReader {
 public:
  ParcelReader(const Spool& spool, const Parcel& parcel) : spool_(spool), parcel_(parcel), left_(parcel.size) {}
  [[nodiscard]] std::size_t read(std::span<std::uint8_t> out);

 private:
  [[nodiscard]] std::size_t read_some(std::span<std::uint8_t> out);  // 0: the end
  const Spool& spool_;
  const Parcel& parcel_;
  std::uint64_t left_;
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
