// SPDX-License-Identifier: Apache-2.0
// Opening, reading, listing and locking files. Everything is relative to a directory descriptor where a peer may play games
// with names. Writing that must last is commit.h and nothing else.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/fd.h"
#include "src/base/time.h"

namespace shutterseal {

// Trusted paths: our own configuration and state. Each throws Error naming the path.
[[nodiscard]] Fd open_dir(const std::string& path);                   // O_DIRECTORY|O_CLOEXEC
[[nodiscard]] Fd open_dir_at(int dir, const std::string& name);       // with O_NOFOLLOW
void make_dirs(const std::string& path, mode_t mode);                 // mkdir -p, each new parent synced; existing: left as it is
[[nodiscard]] Fd make_dir_at(int dir, const std::string& name, mode_t mode);  // mkdir if missing, the parent synced, opened
[[nodiscard]] bool exists(const std::string& path);
// The whole file, at most `limit` octets (else Error data). Missing: Error no_input.
[[nodiscard]] Bytes read_file(const std::string& path, std::size_t limit);
[[nodiscard]] Bytes read_file_at(int dir, const std::string& name, std::size_t limit);
[[nodiscard]] Bytes read_fd(int fd, const std::string& name, std::size_t limit);
// A file that holds a secret or decides who is trusted: a regular file, owned by this user or root, and not accessible
// (`Secrecy::secret`) or not writable (`Secrecy::trusted`) by group or others. Checked on the open descriptor. Error permission.
// `credential`: a secret that root, or the service manager, gave to a service: a file of root's may be read by its group, which in the mode stands for an
// access list (systemd 254 and later: root:root 0440 and an entry for the service's user).
enum class Secrecy { trusted, secret, credential };
[[nodiscard]] Bytes read_guarded_file(const std::string& path, std::size_t limit, Secrecy secrecy);
[[nodiscard]] Fd open_guarded_dir(const std::string& path);  // the same of a directory: only its owner or root may add names to it
// Every file of a trusted directory whose name ends so, in name order; hidden names are unfinished and left out. Each as above.
struct GuardedFile {
  std::string path;
  Bytes content;
};
[[nodiscard]] std::vector<GuardedFile> read_guarded_files(const std::string& directory, std::string_view suffix, std::size_t limit);
// Names in a directory, without "." and "..", in no order; `limit` bounds what one pass of a hostile directory costs (0: none).
[[nodiscard]] std::vector<std::string> list_dir(int dir, std::size_t limit = 0);
// The same piece by piece: at most `most` names from `position` on, which is moved behind them, or to 0 at the end (0: the beginning). Between
// two pieces the directory may be closed; names that come or go meanwhile may be missed until the next round.
[[nodiscard]] std::vector<std::string> list_some(int dir, long& position, std::size_t most);
// Everything of `bytes` at the descriptor's position; short writes are continued, errors throw.
void write_all(int fd, ByteView bytes, const std::string& name);
void unlink_at(int dir, const std::string& name);  // ENOENT is fine: an earlier try may have done it
void remove_tree(int dir, const std::string& name);  // a directory and all below; symbolic links are removed, not followed

// The one hostile open: O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY|O_CLOEXEC, then fstat. What a peer put there is a value, not an Error:
// a FIFO does not hang us, a symlink is not followed, a device is not opened twice. `broken`: this one file cannot be opened, for the reason in `error` (a
// damaged inode, a disk that does not answer, a lease of somebody else's): no fault of its neighbours. What this process lacks (EMFILE, ENOMEM) throws.
enum class HostileProblem { none, vanished, not_regular, unreadable, broken };
struct HostileFile {
  HostileProblem problem = HostileProblem::none;
  int error = 0;     // errno of the open, or of the look at what was opened; 0 when problem is none, or not_regular by its kind
  Fd fd;             // open when problem is none
  struct stat info{};  // of the descriptor when open; otherwise of the name, without following, when it could be had
};
[[nodiscard]] HostileFile open_hostile(int dir, const std::string& name);
void throw_if_broken(const HostileFile& file, const std::string& name);  // for whoever cannot go on without this one

// An exclusive flock on PATH (made 0600 if missing), held while the object lives.
class FileLock {
 public:
  [[nodiscard]] static std::optional<FileLock> try_lock(const std::string& path);  // nothing: another process holds it
  [[nodiscard]] static FileLock wait(const std::string& path);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

[[nodiscard]] TimeMs mtime_ms(const struct stat& info) noexcept;
[[nodiscard]] TimeMs change_ms(const struct stat& info) noexcept;  // of content, names or modes
// Octets that an unprivileged process may still write on the file system of `dir`.
[[nodiscard]] std::uint64_t free_space(int dir);

}  // namespace shutterseal
