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
static constexpr std::size_t kHashStep = 128 * 1024;

std::string parcel_name(std::uint64_t first, std::uint64_t last, const Digest& digest) {
  return std::to_string(first) + "-" + std::to_string(last) + "-" + digest.hex().substr(0, 16) + ".parcel";
}

std::size_t ParcelReader::read(std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    if (!fd_) {
      if (next_ == envelopes_.size()) break;
      const auto name = envelopes_[next_++].text();
      fd_ = Fd(::openat(spool_.dir(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd_) throw_errno("cannot open", spool_.path() + "/" + name);
    }
    const auto got = ::read(fd_.get(), out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read", spool_.path() + "/" + envelopes_[next_ - 1].text());
    if (got == 0) fd_.reset();
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

static Digest hash_parcel(const Spool& spool, const Parcel& parcel) {
  envelope::Sha256 hash;
  ParcelReader reader(spool, parcel.envelopes);
  Bytes step(kHashStep);
  std::uint64_t total = 0;
  while (const auto got = reader.read(step)) {
    hash.update(ByteView(step).first(got));
    total += got;
  }
  if (total != parcel.size) throw Error(ErrorKind::io, "envelopes in '" + spool.path() + "' changed their size");
  return hash.finish();
}

Parcel make_parcel(const Spool& spool, const std::vector<Envelope>& envelopes) {
  SHUTTERSEAL_BUG_UNLESS(!envelopes.empty());
  Parcel parcel;
  for (const auto& one : envelopes) {
    parcel.envelopes.push_back(one.name);
    parcel.size += one.size;
  }
  parcel.digest = envelopes.size() == 1 ? envelopes.front().name.digest : hash_parcel(spool, parcel);
  parcel.name = parcel_name(envelopes.front().name.sequence, envelopes.back().name.sequence, parcel.digest);
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
