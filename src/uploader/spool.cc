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
#include "src/base/text.h"

namespace shutterseal::uploader {

static constexpr std::string_view kSuffix = ".p7m";
static constexpr std::uint64_t kLargestEvent = 16 * 1024;  // of an event's envelope: a larger one is not opened to learn what it is

std::string EnvelopeName::text() const {
  return chain.hex() + "-" + std::to_string(sequence) + "-" + digest.hex() + std::string(kSuffix);
}

std::optional<EnvelopeName> EnvelopeName::parse(std::string_view text) {
  if (!text.ends_with(kSuffix)) return std::nullopt;
  const auto parts = split(text.substr(0, text.size() - kSuffix.size()), '-');
  if (parts.size() != 3) return std::nullopt;
  const auto chain = ChainId::parse(parts[0]);
  const auto sequence = parse_decimal(parts[1], kLargestInteger);
  const auto digest = Digest::parse(parts[2]);
  if (!chain || !sequence || *sequence == 0 || !digest) return std::nullopt;
  return EnvelopeName{*chain, *sequence, *digest};
}

std::vector<Listed> list_envelopes(int dir) {
  std::vector<Listed> found;
  for (const auto& text : list_dir(dir)) {
    const auto name = EnvelopeName::parse(text);
    struct stat info {};
    if (!name) continue;
    const bool seen = ::fstatat(dir, text.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (!seen && errno != ENOENT) throw_errno("cannot look at", text);
    if (!seen || !S_ISREG(info.st_mode)) continue;
    found.push_back({{*name, static_cast<std::uint64_t>(info.st_size), false, false}, mtime_ms(info)});
  }
  return found;
}

// Passage: chain OCTET STRING, sequence INTEGER, previous OCTET STRING, kind ENUMERATED, one after the other (shutterseal-envelope(5)).
static Bytes passage_pattern(const EnvelopeName& name) {
  Bytes pattern{0x04, 0x10};
  pattern.insert(pattern.end(), name.chain.octets.begin(), name.chain.octets.end());
  Bytes number;
  for (auto rest = name.sequence; rest != 0; rest >>= 8) number.insert(number.begin(), static_cast<std::uint8_t>(rest & 0xff));
  if (number.empty() || (number.front() & 0x80) != 0) number.insert(number.begin(), 0);
  pattern.push_back(0x02);
  pattern.push_back(static_cast<std::uint8_t>(number.size()));
  pattern.insert(pattern.end(), number.begin(), number.end());
  pattern.push_back(0x04);
  pattern.push_back(0x20);
  return pattern;
}

std::optional<Link> find_link(ByteView tail, const EnvelopeName& name) {
  static constexpr std::uint8_t kEvent[] = {0x0a, 0x01, 0x01};
  const auto pattern = passage_pattern(name);
  // From the end: ciphertext that happens to look like it comes first in the file.
  const auto found = std::find_end(tail.begin(), tail.end(), pattern.begin(), pattern.end());
  if (found == tail.end()) return std::nullopt;
  const auto at = static_cast<std::size_t>(found - tail.begin()) + pattern.size();
  if (tail.size() - at < Digest::kSize + sizeof kEvent) return std::nullopt;
  return Link{*Digest::from_view(tail.subspan(at, Digest::kSize)), std::ranges::equal(tail.subspan(at + Digest::kSize, sizeof kEvent), kEvent)};
}

std::optional<Link> link_of(int dir, const EnvelopeName& name) {
  constexpr off_t kTail = 2048;  // outer attributes, note and signature are well below this
  const auto file = open_hostile(dir, name.text());
  if (file.problem != HostileProblem::none) return std::nullopt;
  Bytes tail(static_cast<std::size_t>(std::min<off_t>(kTail, file.info.st_size)));
  const auto got = ::pread(file.fd.get(), tail.data(), tail.size(), file.info.st_size - static_cast<off_t>(tail.size()));
  if (got < 0 || static_cast<std::size_t>(got) != tail.size()) return std::nullopt;
  return find_link(tail, name);
}

Spool::Spool(const std::string& path)
    : path_(path), dir_(open_dir(path)), refused_(make_dir_at(dir_.get(), "refused", 0700)), kept_(make_dir_at(dir_.get(), "kept", 0700)) {}

void Spool::refresh() {
  // Listed under the mutex: what the sender removes meanwhile it forgets only afterwards, so nothing removed comes back.
  const std::lock_guard guard(mutex_);
  const auto listed = list_envelopes(dir_.get());
  std::map<EnvelopeName, Item> fresh;
  for (const auto& [envelope, modified] : listed) {
    const auto known = items_.find(envelope.name);
    fresh.emplace(envelope.name, known != items_.end() ? known->second : Item{envelope.size, modified, -1, false, is_event(dir_.get(), envelope)});
  }
  items_ = std::move(fresh);
}

bool Spool::is_event(int dir, const Envelope& envelope) const {
  if (envelope.size > kLargestEvent) return false;
  const auto link = link_of(dir, envelope.name);
  return link && link->event;
}

void Spool::add(const std::vector<Envelope>& sealed) {
  const auto now = now_ms();
  {
    const std::lock_guard guard(mutex_);
    for (const auto& envelope : sealed) items_.emplace(envelope.name, Item{envelope.size, now, -1, envelope.alone, envelope.event});
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
    chosen.push_back({name, item.size, item.alone, item.event});
    total += item.size;
    if (item.alone) break;
  }
  return chosen;
}

void Spool::mark_sent(const std::vector<EnvelopeName>& names, std::int64_t now) {
  const std::lock_guard guard(mutex_);
  for (const auto& name : names)
    if (const auto item = items_.find(name); item != items_.end()) item->second.sent_at = now;
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

void Spool::remove(const std::vector<EnvelopeName>& names, const Keep& keep) {
  for (const auto& name : names) {
    const auto text = name.text();
    if (keep.is_nothing())
      unlinker_.unlink(dir_.get(), text);
    else if (::renameat(dir_.get(), text.c_str(), kept_.get(), text.c_str()) != 0 && errno != ENOENT)
      throw_errno("cannot move", path_ + "/" + text);
    forget(name);
  }
  unlinker_.flush();
}

void Spool::refuse(const EnvelopeName& name) {
  const auto text = name.text();
  move_file(dir_.get(), text, refused_.get(), text, path_ + "/" + text);
  forget(name);
}

std::size_t Spool::take_back(const std::function<bool(const EnvelopeName&)>& wanted) {
  std::size_t count = 0;
  for (const auto& one : list_envelopes(kept_.get())) {
    if (!wanted(one.envelope.name)) continue;
    const auto text = one.envelope.name.text();
    if (::renameat(kept_.get(), text.c_str(), dir_.get(), text.c_str()) != 0) throw_errno("cannot move", path_ + "/kept/" + text);
    const std::lock_guard guard(mutex_);
    items_.emplace(one.envelope.name, Item{one.envelope.size, one.modified, -1, false, is_event(dir_.get(), one.envelope)});
    ++count;
  }
  return count;
}

void Spool::prune_kept(const Keep& keep, TimeMs now) {
  auto kept = list_envelopes(kept_.get());
  std::sort(kept.begin(), kept.end(), [](const Listed& a, const Listed& b) { return a.modified < b.modified; });
  std::uint64_t total = 0;
  for (const auto& one : kept) total += one.envelope.size;
  for (const auto& one : kept) {
    const bool over = keep.span_ms != 0 ? now - one.modified > keep.span_ms : total > keep.octets;
    if (!over) break;
    unlinker_.unlink(kept_.get(), one.envelope.name.text());
    total -= one.envelope.size;
  }
  unlinker_.flush();
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
