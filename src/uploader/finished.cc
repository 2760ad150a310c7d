// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/finished.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "src/base/error.h"
#include "src/uploader/jpeg.h"

namespace shutterseal::uploader {

static constexpr std::int64_t kSettledMs = 60'000;  // no end of a JPEG, but nobody has touched it for so long
static constexpr std::size_t kTail = 512;

enum class Writers { none, some, unknown };

// The lease of such a file system knows the writers of this machine at best.
static bool is_elsewhere(int fd) {
  constexpr unsigned kCifs = 0xff534d42, kSmb2 = 0xfe534d42, kFuse = 0x65735546, kCeph = 0x00c36400, kNine = 0x01021997;
  struct statfs info {};
  if (::fstatfs(fd, &info) != 0) return true;
  const auto type = static_cast<unsigned>(info.f_type);
  return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == kCifs || type == kSmb2 || type == kFuse || type == kCeph || type == kNine;
}

static Writers writers_of(int fd) {
  if (is_elsewhere(fd)) return Writers::unknown;
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    static_cast<void>(::fcntl(fd, F_SETLEASE, F_UNLCK));
    return Writers::none;
  }
  return errno == EAGAIN ? Writers::some : Writers::unknown;
}

static bool ends_as_jpeg(const HostileFile& file) {
  std::uint8_t tail[kTail];
  const auto size = std::min<off_t>(file.info.st_size, kTail);
  const auto got = ::pread(file.fd.get(), tail, static_cast<std::size_t>(size), file.info.st_size - size);
  return got == size && is_jpeg_end({tail, static_cast<std::size_t>(size)});
}

static bool reads_as_whole(const HostileFile& file, std::uint64_t limit) {
  if (static_cast<std::uint64_t>(file.info.st_size) > limit || ::lseek(file.fd.get(), 0, SEEK_SET) != 0) return false;
  try {
    return is_whole_jpeg(read_fd(file.fd.get(), "a picture", limit));
  } catch (const Error&) {  // unreadable, or it grew: whoever seals it sees that
    return false;
  }
}

Finished::Seen& Finished::seen(const struct stat& info) {
  const auto changed = static_cast<std::int64_t>(info.st_ctim.tv_sec) * 1'000'000'000 + info.st_ctim.tv_nsec;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  auto& one = seen_[{info.st_dev, info.st_ino}];
  if (one.since == 0 || one.size != size || one.changed_ns != changed) one = {size, changed, monotonic_ms(), false, false, false};
  one.again = true;
  return one;
}

// Once for each state of the file, and only where its last octets are not the end: a mark or a movie may stand behind it.
bool Finished::is_whole(const HostileFile& file, Seen& seen) const {
  if (!std::exchange(seen.read, true)) seen.whole = ends_as_jpeg(file) || reads_as_whole(file, picture_limit_);
  return seen.whole;
}

// The change time is the kernel's, and no call of a camera sets it; but the clock may have jumped since, either way. The modification time
// counts where the kernel says that nobody writes: a file that was copied with its time is no new one.
Finish Finished::judge(const HostileFile& file) {
  auto& one = seen(file.info);
  const auto writers = writers_of(file.fd.get());
  const auto watched = monotonic_ms() - one.since;
  const bool long_ago = watched >= kSettledMs || std::abs(now_ms() - change_ms(file.info)) >= kSettledMs;
  if (writers == Writers::some) return watched >= kSettledMs ? Finish::forgotten : Finish::held;
  if (writers == Writers::unknown && watched < kQuietMs && !long_ago) return Finish::untold;
  if (is_whole(file, one)) return Finish::whole;
  const bool settled = long_ago || (writers == Writers::none && now_ms() - mtime_ms(file.info) >= kSettledMs);
  return settled ? Finish::unwhole : Finish::young;
}

void Finished::forget_unseen() {
  std::erase_if(seen_, [](const auto& one) { return !one.second.again; });
  for (auto& [key, one] : seen_) one.again = false;
}

}  // namespace shutterseal::uploader
