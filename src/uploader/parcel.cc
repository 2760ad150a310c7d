// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/parcel.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal::uploader {

static constexpr std::uint64_t kFirstParcel = std::uint64_t{1} << 20;  // before anything was measured
static constexpr std::uint64_t kWantedMs = 10'000;

// ---- the octets ---------------------------------------------------------------------------------------------------------------------------

void ParcelReader::fail(const std::string& reason) {
  damaged_ = parcel_.envelopes[at_].name;
  throw Error(ErrorKind::io, "cannot read '" + escape_untrusted(spool_.path() + "/" + damaged_->text(), kLongestSubject) + "': " + reason);
}

void ParcelReader::begin() {
  const auto& envelope = parcel_.envelopes[at_];
  auto file = open_hostile(spool_.dir(), envelope.name.text());
  if (!file.fd) fail(reason_of(file));
  fd_ = std::move(file.fd);
  hash_ = envelope::Sha256();
  left_ = envelope.size;
}

void ParcelReader::end() {
  const auto& name = parcel_.envelopes[at_].name;
  if (hash_.finish() != name.digest) fail(kOtherOctets);
  // These are the octets that were sealed: what they say of the one before them may be believed when a receipt comes.
  if (const auto link = link_of_open(fd_.get(), name)) spool_.note_link(name, link->previous);
  fd_.reset();
  ++at_;
}

// Of one envelope, and no more than it had when it was listed.
std::size_t ParcelReader::read_some(std::span<std::uint8_t> out) {
  if (!fd_) begin();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
  std::size_t got = 0;
  while (got < wanted) {
    const auto size = ::read(fd_.get(), out.data() + got, wanted - got);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOMEM) throw_errno("cannot read", spool_.path());
    if (size < 0) fail(errno_text(errno));
    if (size == 0) fail("it is shorter than it was");
    got += static_cast<std::size_t>(size);
  }
  hash_.update(ByteView(out).first(got));
  left_ -= got;
  if (left_ == 0) end();
  return got;
}

std::size_t ParcelReader::read(std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size() && at_ < parcel_.envelopes.size()) filled += read_some(out.subspan(filled));
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
    parcel.envelopes.push_back(one);
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
