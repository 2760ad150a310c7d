// SPDX-License-Identifier: Apache-2.0
#include "src/server/heard.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"

namespace shutterseal::server {

static constexpr std::string_view kHeartbeat = "heartbeat";
static constexpr std::int64_t kSecond = 1000, kShortest = 10 * kSecond, kLongest = 7LL * 24 * 3600 * kSecond;

bool is_heartbeat(std::string_view note) { return note == kHeartbeat || note.starts_with("heartbeat "); }

std::optional<std::int64_t> heartbeat_interval_ms(std::string_view note) {
  if (!is_heartbeat(note) || note.size() <= kHeartbeat.size()) return std::nullopt;
  const auto seconds = parse_decimal(note.substr(kHeartbeat.size() + 1), kLongest / kSecond);
  if (!seconds || static_cast<std::int64_t>(*seconds) * kSecond < kShortest) return std::nullopt;
  return static_cast<std::int64_t>(*seconds) * kSecond;
}

std::string format_heard(const Heard& heard) {
  auto text = format_key_value("format", "1") + format_key_value("interval", std::to_string(heard.interval_ms));
  if (heard.silent_since) text += format_key_value("silent-since", std::to_string(*heard.silent_since));
  if (heard.untold) text += format_key_value("untold", std::to_string(*heard.untold));
  if (!heard.claim) return text;
  // A reader of before takes `interval` and leaves these alone.
  text += format_key_value("stated", std::to_string(heard.claim->stated_ms)) + format_key_value("stated-since", std::to_string(heard.claim->since)) +
          format_key_value("kept", std::to_string(heard.claim->kept_ms));
  if (heard.claim->untold) text += format_key_value("change-untold", "1");
  return text;
}

static std::vector<KeyValue> entries_of(std::string_view text, const std::string& file) {
  try {
    return parse_key_values(text, file);
  } catch (const Error&) {
    return {};
  }
}

std::optional<Heard> parse_heard(std::string_view text, const std::string& file) {
  Heard heard;
  const auto entries = entries_of(text, file);
  if (entries.empty() || entries.front().key != "format") return std::nullopt;
  if (entries.front().value != "1") fail_at(file, entries.front().line, "format " + escape_untrusted(entries.front().value) + " is newer than this program");
  Claim claim;
  for (const auto& entry : entries) {
    const auto number = parse_decimal(entry.value, kLatestTime);
    if (!number) return std::nullopt;
    if (entry.key == "interval") heard.interval_ms = static_cast<std::int64_t>(*number);
    if (entry.key == "silent-since") heard.silent_since = static_cast<TimeMs>(*number);
    if (entry.key == "untold") heard.untold = static_cast<TimeMs>(*number);
    if (entry.key == "stated") claim.stated_ms = static_cast<std::int64_t>(*number);
    if (entry.key == "stated-since") claim.since = static_cast<TimeMs>(*number);
    if (entry.key == "kept") claim.kept_ms = static_cast<std::int64_t>(*number);
    if (entry.key == "change-untold") claim.untold = *number != 0;
  }
  if (claim.stated_ms != 0 && claim.kept_ms != 0) heard.claim = claim;
  return heard;
}

void HeardFiles::make() const { make_dirs(dir_, 0750); }

// A file that is damaged, or cannot be read, says that the camera was heard, and when.
static Heard read_or_begin(const std::string& path, std::string& damage) {
  try {
    if (auto heard = parse_heard(as_text(read_file(path, kLargestTextFile)), path)) return *heard;
    damage = "'" + escape_untrusted(path, kLongestSubject) + "' is damaged";
  } catch (const Error& error) {
    damage = error.what();
  }
  return {};
}

std::optional<Heard> HeardFiles::find(const CameraId& id, std::string* damage) const {
  struct stat info {};
  if (::stat(path_of(id).c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno("cannot read", path_of(id));
  }
  std::string why;
  auto heard = read_or_begin(path_of(id), why);
  if (damage) *damage = why;
  heard.last = mtime_ms(info);
  return heard;
}

std::vector<CameraId> HeardFiles::list() const {
  std::vector<CameraId> ids;
  for (const auto& name : list_dir(open_dir(dir_).get()))
    if (const auto id = CameraId::parse(name)) ids.push_back(*id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool HeardFiles::touch(const CameraId& id, TimeMs now) const {
  const struct timespec time {
    now / 1000, (now % 1000) * 1'000'000
  };
  const struct timespec both[2] = {time, time};
  if (::utimensat(AT_FDCWD, path_of(id).c_str(), both, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  throw_errno("cannot touch", path_of(id));
}

void HeardFiles::write(const CameraId& id, const Heard& heard) const {
  replace_file(path_of(id), as_bytes(format_heard(heard)), 0640);
  static_cast<void>(touch(id, heard.last));
}

}  // namespace shutterseal::server
