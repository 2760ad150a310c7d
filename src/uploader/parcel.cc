// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/parcel.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "src/base/error.h"
#include "src/envelope/keys.h"

namespace shutterseal::uploader {

static constexpr std::uint64_t kFirstParcel = std::uint64_t{1} << 20;  // before anything was measured
static constexpr std::uint64_t kWantedMs = 10'000;

// ---- the octets ---------------------------------------------------------------------------------------------------------------------------

std::size_t ParcelReader::read_some(std::span<std::uint8_t> out) {
  for (;;) {
    if (!fd_) {
      if (next_ == parcel_.envelopes.size()) return 0;
      const auto name = parcel_.envelopes[next_++].text();
      fd_ = Fd(::openat(spool_.dir(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd_) throw_errno("cannot open", spool_.path() + "/" + name);
    }
    const auto got = ::read(fd_.get(), out.data(), out.size());
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno != EINTR) throw_errno("cannot read", spool_.path() + "/" + parcel_.envelopes[next_ - 1].text());
    if (got == 0) fd_.reset();
  }
}

std::size_t ParcelReader::read(std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const auto got = read_some(out.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  // A worn SD card: what is sent under this name must be what the name says.
  if (filled > left_ || (filled < out.size() && filled < left_)) throw Error(ErrorKind::io, "envelopes in '" + spool_.path() + "' changed their size");
  left_ -= filled;
  return filled;
}

// ---- the parcel -----------------------------------------------------------------------------------------------------------------------------

// One alone is named by its digest, several by that of theirs.
static Digest digest_of(const std::vector<Envelope>& envelopes) {
  if (envelopes.size() == 1) return envelopes.front().name.digest;
  envelope::Sha256 hash;
  for (const auto& one : envelopes) hash.update(one.name.digest.view());
  return hash.finish();
}

Parcel make_parcel(const std::vector<Envelope>& envelopes) {
  SHUTTERSEAL_BUG_UNLESS(!envelopes.empty());
  Parcel parcel;
  for (const auto& one : envelopes) {
    parcel.envelopes.push_back(one.name);
    parcel.size += one.size;
  }
  parcel.name = std::to_string(envelopes.front().name.sequence) + "-" + std::to_string(envelopes.back().name.sequence) + "-" +
                digest_of(envelopes).hex().substr(0, 16) + ".parcel";
  return parcel;
}

Pace::Pace(std::uint64_t least, std::uint64_t most) : least_(least), most_(most), octets_(std::clamp(kFirstParcel, least, most)) {}

void Pace::sent(std::uint64_t octets, std::int64_t elapsed_ms) {
  if (octets < least_ && octets < octets_ / 4) return;  // too little to say anything about the rate
  const auto elapsed = static_cast<std::uint64_t>(std::max<std::int64_t>(elapsed_ms, 1));
  octets_ = std::clamp(octets * kWantedMs / elapsed, least_, most_);
}

void Pace::cut() { octets_ = std::max(octets_ / 2, least_); }

}  // namespace shutterseal::uploader
