// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"

namespace shutterseal::uploader {

static constexpr std::uint64_t kLargestEvent = 16 * 1024;  // of an event's envelope: a larger one is not opened to learn what it is
static constexpr int kMostSuspicions = 3;
static constexpr const char *kRefused = "refused", *kKept = "kept", *kDamaged = "damaged";

Spool::Spool(const std::string& path) : path_(path), dir_(open_dir(path)) {
  for (const auto* name : {kRefused, kKept, kDamaged}) static_cast<void>(folder(name));
}

// Opened each time: one that somebody removed, or put a file in the place of, is made again instead of being missed for ever.
Fd Spool::folder(const std::string& name) const {
  Fd fd(::openat(dir_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd) return fd;
  if (errno == ENOTDIR || errno == ELOOP) static_cast<void>(move_file_beside(dir_.get(), name, dir_.get(), name + ".in-the-way", path_ + "/" + name));
  return make_dir_at(dir_.get(), name, 0700);
}

// What is sealed into a directory that has no name any more would be lost at the end of the program: better to end at once and begin again.
void Spool::expect_same_directory() const {
  struct stat ours {}, named {};
  if (::fstat(dir_.get(), &ours) != 0 || ::stat(path_.c_str(), &named) != 0) throw_errno("cannot look at", path_);
  if (ours.st_dev != named.st_dev || ours.st_ino != named.st_ino) throw Error(ErrorKind::temporary, "'" + path_ + "' is another directory than at the start");
}

Spool::Item Spool::item_of(const Listed& listed) const {
  const auto& [envelope, modified] = listed;
  Item item;
  item.size = envelope.size;
  item.modified = modified;
  item.suspect = envelope.suspect;
  if (envelope.size <= kLargestEvent) {
    const auto link = link_of(dir_.get(), envelope.name);
    item.event = link && link->event;
  }
  return item;
}

void Spool::refresh() {
  expect_same_directory();
  // Listed under the mutex: what the sender removes meanwhile it forgets only afterwards, so nothing removed comes back.
  const std::lock_guard guard(mutex_);
  const auto listed = list_envelopes(dir_.get());
  std::map<EnvelopeName, Item> fresh;
  for (const auto& one : listed) {
    const auto known = items_.find(one.envelope.name);
    if (!stuck_.contains(one.envelope.name)) fresh.emplace(one.envelope.name, known != items_.end() ? known->second : item_of(one));
  }
  items_ = std::move(fresh);
}

void Spool::add(const std::vector<Envelope>& sealed) {
  const auto now = now_ms();
  {
    const std::lock_guard guard(mutex_);
    for (const auto& envelope : sealed) items_.emplace(envelope.name, Item{.size = envelope.size, .modified = now, .alone = envelope.alone, .event = envelope.event, .previous = {}});
  }
  wake();
}

Backlog Spool::backlog() const {
  const std::lock_guard guard(mutex_);
  Backlog backlog;
  for (const auto& [name, item] : items_) {
    ++backlog.count;
    backlog.octets += item.size;
    ++(item.sent_at < 0 ? backlog.unsent : backlog.awaiting);
    if (backlog.oldest == 0 || item.modified < backlog.oldest) backlog.oldest = item.modified;
  }
  return backlog;
}

bool Spool::contains(const EnvelopeName& name) const {
  const std::lock_guard guard(mutex_);
  return items_.contains(name);
}

bool Spool::contradicts(const EnvelopeName& name) const {
  const std::lock_guard guard(mutex_);
  const auto ours = items_.lower_bound({name.chain, name.sequence, Digest{}});
  return ours != items_.end() && ours->first.chain == name.chain && ours->first.sequence == name.sequence && !items_.contains(name);
}

std::optional<EnvelopeName> Spool::by_digest(const Digest& digest) const {
  const std::lock_guard guard(mutex_);
  for (const auto& [name, item] : items_)
    if (name.digest == digest && !item.leaving) return name;
  return std::nullopt;
}

std::vector<Envelope> Spool::due(std::int64_t now, std::int64_t resend_after, std::uint64_t octets, std::size_t most) const {
  const std::lock_guard guard(mutex_);
  auto events = due_of(true, now - resend_after, octets, most);
  return events.empty() ? due_of(false, now - resend_after, octets, most) : events;
}

// An alarm that waited for the line must not wait for the pictures before it, too.
std::vector<Envelope> Spool::due_of(bool events, std::int64_t before, std::uint64_t octets, std::size_t most) const {
  std::vector<Envelope> chosen;
  std::uint64_t total = 0;
  for (const auto& [name, item] : items_) {
    if (item.leaving || item.event != events || (item.sent_at >= 0 && item.sent_at > before)) continue;
    if (!chosen.empty() && (item.alone || total + item.size > octets || chosen.size() == most)) break;
    chosen.push_back({name, item.size, item.alone, item.event, item.suspect});
    total += item.size;
    if (item.alone) break;
  }
  return chosen;
}

void Spool::mark_sent(const std::vector<Envelope>& sent, std::int64_t now) {
  const std::lock_guard guard(mutex_);
  for (const auto& one : sent)
    if (const auto item = items_.find(one.name); item != items_.end()) item->second.sent_at = now;
}

void Spool::send_alone(const std::vector<EnvelopeName>& names) {
  const std::lock_guard guard(mutex_);
  for (const auto& name : names) {
    const auto item = items_.find(name);
    if (item == items_.end() || item->second.leaving) continue;
    item->second.alone = true;
    item->second.sent_at = -1;
  }
}

void Spool::forget(const EnvelopeName& name) {
  const std::lock_guard guard(mutex_);
  items_.erase(name);
}

void Spool::let_go(const std::vector<EnvelopeName>& names) {
  const std::lock_guard guard(mutex_);
  for (const auto& name : names)
    if (const auto item = items_.find(name); item != items_.end()) item->second.leaving = true;
}

std::vector<std::string> Spool::remove(const std::vector<EnvelopeName>& names, const Keep& keep, TimeMs receipted) {
  const auto kept = keep.is_nothing() ? Fd() : folder(kKept);
  std::vector<std::string> failed;
  for (const auto& name : names) {
    const auto text = name.text();
    try {
      if (kept)
        keep_file(dir_.get(), text, kept.get(), receipted, path_ + "/" + text);
      else
        unlinker_.unlink(dir_.get(), text);
    } catch (const Error& error) {  // one that cannot be removed costs those behind it nothing
      failed.emplace_back(error.what());
      const std::lock_guard guard(mutex_);
      stuck_.insert(name);
    }
    forget(name);
  }
  unlinker_.flush();
  return failed;
}

void Spool::prune_kept(const Keep& keep, const AgeClock& clock) { uploader::prune_kept(folder(kKept).get(), keep, clock, unlinker_); }

void Spool::refuse(const EnvelopeName& name) {
  const auto text = name.text();
  static_cast<void>(move_file_beside(dir_.get(), text, folder(kRefused).get(), text, path_ + "/" + text));
  forget(name);
}

std::size_t Spool::take_back(const std::function<bool(const EnvelopeName&)>& wanted) {
  std::size_t count = 0;
  const auto kept = folder(kKept);
  for (const auto& one : list_envelopes(kept.get())) {
    if (!wanted(one.envelope.name)) continue;
    const auto text = one.envelope.name.text();
    if (::renameat2(kept.get(), text.c_str(), dir_.get(), text.c_str(), RENAME_NOREPLACE) != 0 && errno != EEXIST) continue;  // as lost as one that is not there
    const std::lock_guard guard(mutex_);
    items_.emplace(one.envelope.name, item_of(one));
    ++count;
  }
  return count;
}

// ---- damage -------------------------------------------------------------------------------------------------------------------------

void Spool::suspect(const EnvelopeName& name) {
  const std::lock_guard guard(mutex_);
  if (const auto item = items_.find(name); item != items_.end()) {
    item->second.suspect = true;
    ++item->second.suspicions;
  }
}

Examined Spool::examine(const EnvelopeName& name) {
  auto examined = uploader::examine(dir_.get(), name);
  const std::lock_guard guard(mutex_);
  const auto item = items_.find(name);
  if (item == items_.end() || examined.condition != Condition::whole) return examined;
  if (item->second.suspicions >= kMostSuspicions) return {Condition::damaged, "its octets differ from one reading to the next", 0, {}};
  item->second.suspect = false;
  item->second.size = examined.size;
  if (examined.link) item->second.previous = examined.link->previous;
  return examined;
}

bool Spool::put_aside(const EnvelopeName& name) {
  const auto text = name.text();
  bool is_moved = false;
  try {
    static_cast<void>(move_file_beside(dir_.get(), text, folder(kDamaged).get(), text, path_ + "/" + text));
    is_moved = true;
  } catch (const Error&) {  // a damaged inode cannot even be moved
  }
  const std::lock_guard guard(mutex_);
  if (!is_moved) stuck_.insert(name);
  items_.erase(name);
  return is_moved;
}

std::vector<EnvelopeName> Spool::stuck() const {
  const std::lock_guard guard(mutex_);
  return {stuck_.begin(), stuck_.end()};
}

bool Spool::has_damaged() const { return !stuck().empty() || !list_envelopes(folder(kDamaged).get()).empty(); }

// ---- what is ours -------------------------------------------------------------------------------------------------------------------

static bool is_in(int dir, const std::string& folder, const EnvelopeName& name) {
  return ::faccessat(dir, (folder + "/" + name.text()).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool Spool::is_waiting(const EnvelopeName& name) const { return is_in(dir_.get(), ".", name); }

bool Spool::holds(const EnvelopeName& name) const {
  const std::lock_guard guard(mutex_);
  return items_.contains(name) || stuck_.contains(name) || is_in(dir_.get(), kRefused, name) || is_in(dir_.get(), kDamaged, name);
}

void Spool::note_link(const EnvelopeName& name, const Digest& previous) {
  const std::lock_guard guard(mutex_);
  if (const auto item = items_.find(name); item != items_.end()) item->second.previous = previous;
}

std::optional<Digest> Spool::previous_of(const EnvelopeName& name) const {
  {
    const std::lock_guard guard(mutex_);
    if (const auto item = items_.find(name); item != items_.end() && item->second.previous) return item->second.previous;
  }
  auto examined = uploader::examine(dir_.get(), name);
  if (examined.condition != Condition::whole) examined = uploader::examine(folder(kRefused).get(), name);
  return examined.link ? std::optional(examined.link->previous) : std::nullopt;
}

std::vector<EnvelopeName> Spool::held_of(const ChainId& chain) const {
  std::set<EnvelopeName> held;
  for (const auto* name : {kRefused, kDamaged})
    for (const auto& one : list_envelopes(folder(name).get())) held.insert(one.envelope.name);
  const std::lock_guard guard(mutex_);
  held.insert(stuck_.begin(), stuck_.end());
  for (const auto& [name, item] : items_) held.insert(name);
  std::erase_if(held, [&](const EnvelopeName& name) { return name.chain != chain; });
  return {held.begin(), held.end()};
}

void Spool::wake() {
  const std::lock_guard guard(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void Spool::wait(std::int64_t timeout_ms) {
  std::unique_lock guard(mutex_);
  changed_.wait_for(guard, std::chrono::milliseconds(timeout_ms), [this] { return woken_; });
  woken_ = false;
}

}  // namespace shutterseal::uploader
