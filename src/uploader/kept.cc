// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/kept.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"
#include "src/uploader/envelope_file.h"
#include "src/uploader/state.h"

namespace shutterseal::uploader {

static constexpr TimeMs kLongestStep = 24LL * 3600 * 1000, kBelievedAfter = 3'600'000;

// ---- AgeClock -----------------------------------------------------------------------------------------------------------------------

AgeClock::AgeClock(std::string file, TimeMs known) : file_(std::move(file)), now_(known) {
  const auto entries = read_state(file_).value_or(std::vector<KeyValue>{});
  const auto at = time_of(entries, "at"), doubted_since = time_of(entries, "doubted-since");
  if (at == 0 || doubted_since == 0) return;
  now_ = at;
  doubted_since_ = doubted_since;
}

void AgeClock::hear(TimeMs receipt) {
  const bool is_step = now_ != 0 && receipt - now_ > kLongestStep;
  if (is_step && (doubted_since_ == 0 || receipt < doubted_since_)) {
    doubted_since_ = receipt;
    return save();
  }
  if (is_step && receipt - doubted_since_ < kBelievedAfter) return;
  now_ = receipt;
  if (std::exchange(doubted_since_, 0) != 0) save();
}

void AgeClock::save() const {
  const auto text = format_key_value("format", "1") + format_key_value("at", std::to_string(now_)) + format_key_value("doubted-since", std::to_string(doubted_since_));
  replace_file(file_, as_bytes(text), 0600);
}

// ---- the files ----------------------------------------------------------------------------------------------------------------------

static void set_modified(int dir, const std::string& name, TimeMs when) {
  const struct timespec time {when / 1000, static_cast<long>(when % 1000) * 1'000'000};
  const struct timespec times[2] = {time, time};
  static_cast<void>(::utimensat(dir, name.c_str(), times, AT_SYMLINK_NOFOLLOW));  // one that cannot be dated is kept by the time that it has
}

// The time first: what is found in kept/ after a crash must not have the camera's.
void keep_file(int dir, const std::string& name, int kept, TimeMs receipted, const std::string& where) {
  set_modified(dir, name, receipted);
  if (::renameat2(dir, name.c_str(), kept, name.c_str(), RENAME_NOREPLACE) == 0 || errno == ENOENT) return;
  if (errno != EEXIST) throw_errno("cannot move", where);
  static_cast<void>(move_file_beside(dir, name, kept, name, where));
}

void prune_kept(int dir, const Keep& keep, const AgeClock& clock, Unlinker& unlinker) {
  auto kept = list_envelopes(dir);
  std::sort(kept.begin(), kept.end(), [](const Listed& a, const Listed& b) { return a.modified < b.modified; });
  std::uint64_t total = 0;
  for (const auto& one : kept) total += one.envelope.size;
  for (const auto& one : kept) {
    const bool over = keep.span_ms != 0 ? clock.now() - one.modified > keep.span_ms : total > keep.octets;
    if (!over) break;
    try {
      unlinker.unlink(dir, one.envelope.name.text());
      total -= one.envelope.size;
    } catch (const Error&) {  // a damaged inode: those behind it have their time as well
    }
  }
  unlinker.flush();
  // From before a server's clock was set back, or copied here: without an age of its own it would stay for ever.
  if (clock.now() == 0 || clock.is_doubting()) return;
  for (const auto& one : kept)
    if (one.modified > clock.now()) set_modified(dir, one.envelope.name.text(), clock.now());
}

}  // namespace shutterseal::uploader
