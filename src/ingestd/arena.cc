// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "src/base/error.h"

namespace shutterseal::ingestd {

static constexpr std::uint64_t kLeast = std::uint64_t{1} << 20, kKept = std::uint64_t{10} << 20;  // octets; a larger one is for one drop

static std::uint64_t next_memory() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

Arena::Arena(Arena&& other) noexcept
    : fd_(std::move(other.fd_)),
      octets_(std::exchange(other.octets_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      memory_(std::exchange(other.memory_, 0)) {}

Arena::~Arena() {
  if (octets_) ::munmap(octets_, capacity_);
}

void Arena::make_room(std::uint64_t size) {
  if (octets_ && size <= capacity_ && (capacity_ <= kKept || size > kKept)) return;
  Arena gone(std::move(*this));
  const auto capacity = std::max(size, size <= kKept && size > kLeast ? kKept : kLeast);
  fd_.reset(::memfd_create("drop", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd_ || ::ftruncate(fd_.get(), static_cast<off_t>(capacity)) != 0) throw_errno("cannot take", "a drop");
  auto* octets = ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (octets == MAP_FAILED) throw_errno("cannot map", "a drop");
  // Behind our own mapping: the only one that will ever write.
  if (::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
    ::munmap(octets, capacity);
    throw_errno("cannot seal", "a drop");
  }
  octets_ = static_cast<std::uint8_t*>(octets);
  capacity_ = capacity;
  memory_ = next_memory();
}

bool Arena::load(int fd, std::uint64_t size) {
  make_room(size);
  size_ = 0;
  while (size_ < size) {
    const auto got = ::pread(fd, octets_ + size_, size - size_, static_cast<off_t>(size_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read", "a drop");
    if (got == 0) return false;
    size_ += static_cast<std::size_t>(got);
  }
  char behind;
  return ::pread(fd, &behind, 1, static_cast<off_t>(size)) == 0;
}

void Arena::load(ByteView bytes) {
  make_room(bytes.size());
  std::copy(bytes.begin(), bytes.end(), octets_);
  size_ = bytes.size();
}

}  // namespace shutterseal::ingestd
