// SPDX-License-Identifier: Apache-2.0
// Where the octets of a drop lie while they are judged: memory that the daemon alone can write. The camera, which may still have its file open, has
// no part in it; a verifier gets a descriptor through which it can only read (F_SEAL_FUTURE_WRITE, memfd_create(2)). The same memory serves one
// drop after the other, and a verifier keeps what it has mapped of it: making, mapping and unmaking it for each took as long as hashing.
#pragma once

#include "src/base/bytes.h"
#include "src/base/fd.h"

namespace shutterseal::ingestd {

class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&&) = delete;
  ~Arena();
  // Copies the `size` octets of `fd`, from its beginning. False when the file ended earlier or goes on behind: somebody still writes.
  [[nodiscard]] bool load(int fd, std::uint64_t size);
  void load(ByteView bytes);  // what is in memory already
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }  // of the memory behind fd()
  [[nodiscard]] std::uint64_t memory() const { return memory_; }    // another number: another memory behind fd(). 0: none yet
  [[nodiscard]] ByteView view() const { return {octets_, size_}; }  // what was loaded last

 private:
  void make_room(std::uint64_t size);
  Fd fd_;
  std::uint8_t* octets_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
  std::uint64_t memory_ = 0;
};

}  // namespace shutterseal::ingestd
