// SPDX-License-Identifier: Apache-2.0
// A drop, copied into sealed memory: from here on nobody can change the bytes, not the camera that still has the file open, not a verifier.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "src/base/bytes.h"
#include "src/base/fd.h"
#include "src/base/ids.h"
#include "src/base/time.h"

namespace shutterseal::ingestd {

class Snapshot {
 public:
  // Copies `size` octets of `fd`. Nothing when the file ended earlier or goes on behind: somebody still writes.
  [[nodiscard]] static std::optional<Snapshot> take(int fd, std::uint64_t size);
  [[nodiscard]] static Snapshot of(ByteView bytes);  // what is in memory already
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot();
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] ByteView view() const { return {octets_, size_}; }

 private:
  [[nodiscard]] static Snapshot sealed(Fd memory, std::uint64_t size);
  Snapshot(Fd fd, const std::uint8_t* octets, std::size_t size) : fd_(std::move(fd)), octets_(octets), size_(size) {}
  Fd fd_;
  const std::uint8_t* octets_;
  std::size_t size_;
};

struct Drop {
  CameraId camera;
  std::string name;
  TimeMs received_at = 0;
  dev_t device = 0;  // with inode: which file was judged, should the name mean another one by now
  ino_t inode = 0;
  Snapshot snapshot;
};

}  // namespace shutterseal::ingestd
