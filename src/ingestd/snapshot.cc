// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/snapshot.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"

namespace shutterseal::ingestd {

// False: the file is shorter than it was.
static bool copy(int from, int to, std::uint64_t size) {
  while (size > 0) {
    const auto got = ::sendfile(to, from, nullptr, size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read", "a drop");
    if (got == 0) return false;
    size -= static_cast<std::uint64_t>(got);
  }
  return true;
}

static bool is_at_end(int fd) {
  char octet;
  return ::read(fd, &octet, 1) == 0;
}

std::optional<Snapshot> Snapshot::take(int fd, std::uint64_t size) {
  Fd memory(::memfd_create("drop", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) throw_errno("cannot take", "a snapshot");
  if (!copy(fd, memory.get(), size) || !is_at_end(fd)) return std::nullopt;
  return sealed(std::move(memory), size);
}

Snapshot Snapshot::of(ByteView bytes) {
  Fd memory(::memfd_create("drop", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) throw_errno("cannot take", "a snapshot");
  write_all(memory.get(), bytes, "a snapshot");
  return sealed(std::move(memory), bytes.size());
}

Snapshot Snapshot::sealed(Fd memory, std::uint64_t size) {
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) throw_errno("cannot seal", "a snapshot");
  if (size == 0) return Snapshot(std::move(memory), nullptr, 0);
  auto* octets = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, memory.get(), 0);
  if (octets == MAP_FAILED) throw_errno("cannot map", "a snapshot");
  return Snapshot(std::move(memory), static_cast<const std::uint8_t*>(octets), size);
}

Snapshot::Snapshot(Snapshot&& other) noexcept
    : fd_(std::move(other.fd_)), octets_(std::exchange(other.octets_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Snapshot::~Snapshot() {
  if (octets_) ::munmap(const_cast<std::uint8_t*>(octets_), size_);
}

}  // namespace shutterseal::ingestd
