// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/capture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/uploader/jpeg.h"

namespace shutterseal::uploader {

static constexpr TimeMs kSettled = 60'000;     // no end of JPEG, but nobody has touched it for so long: judged as it is
static constexpr TimeMs kNoLeaseSettled = 2'000;  // where the file system has no leases
static constexpr std::size_t kLongestOriginal = 200;

Capture::Capture(const std::string& path)
    : path_(path),
      dir_(open_dir(path)),
      claimed_(make_dir_at(dir_.get(), ".claimed", 0700)),
      rejected_(make_dir_at(dir_.get(), "rejected", 0700)) {}

// A read lease is granted only while nobody has the file open for writing: exact, where an age would be a guess.
static bool is_being_written(int fd, const struct stat& info) {
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    static_cast<void>(::fcntl(fd, F_SETLEASE, F_UNLCK));
    return false;
  }
  if (errno == EAGAIN) return true;
  return now_ms() - mtime_ms(info) < kNoLeaseSettled;
}

static bool ends_as_jpeg(int fd, const struct stat& info) {
  std::uint8_t tail[512];
  const auto size = std::min<off_t>(info.st_size, sizeof tail);
  const auto got = ::pread(fd, tail, static_cast<std::size_t>(size), info.st_size - size);
  return got == size && is_jpeg_end({tail, static_cast<std::size_t>(size)});
}

static bool is_finished(const HostileFile& file) {
  if (is_being_written(file.fd.get(), file.info)) return false;
  return ends_as_jpeg(file.fd.get(), file.info) || now_ms() - mtime_ms(file.info) >= kSettled;
}

std::vector<std::string> Capture::claim_finished(std::size_t most) {
  std::vector<std::pair<TimeMs, std::string>> finished;
  for (const auto& name : list_dir(dir_.get())) {
    if (name.starts_with('.') || name == "rejected") continue;
    const auto file = open_hostile(dir_.get(), name);
    if (file.problem == HostileProblem::none && is_finished(file)) finished.emplace_back(mtime_ms(file.info), name);
  }
  std::sort(finished.begin(), finished.end());
  if (finished.size() > most) finished.resize(most);
  std::vector<std::string> claimed;
  static TimeMs last = 0;
  for (const auto& [when, name] : finished) {
    last = std::max(last + 1, now_ms() * 1000);  // in order, and never the same twice
    const auto own = std::to_string(last) + "+" + name.substr(0, kLongestOriginal);
    if (::renameat2(dir_.get(), name.c_str(), claimed_.get(), own.c_str(), RENAME_NOREPLACE) == 0)
      claimed.push_back(own);
    else if (errno != ENOENT)  // taken away meanwhile: not ours
      throw_errno("cannot claim", path_ + "/" + name);
  }
  return claimed;
}

std::vector<std::string> Capture::claimed() const {
  auto names = list_dir(claimed_.get());
  std::sort(names.begin(), names.end());
  return names;
}

bool Capture::has_claimed(const std::string& name) const { return ::faccessat(claimed_.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

void Capture::remove_claimed(const std::vector<std::string>& names) {
  for (const auto& name : names) unlinker_.unlink(claimed_.get(), name);
  unlinker_.flush();
}

void Capture::sync_claimed() const { sync_dir(claimed_.get(), path_ + "/.claimed"); }

std::string original_name(const std::string& claimed_name) {
  const auto plus = claimed_name.find('+');
  return plus == std::string::npos ? claimed_name : claimed_name.substr(plus + 1);
}

std::string Capture::reject(const std::string& claimed_name) const {
  const auto plain = original_name(claimed_name);
  for (const auto& name : {plain, claimed_name}) {
    if (::faccessat(rejected_.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    move_file(claimed_.get(), claimed_name, rejected_.get(), name, path_ + "/rejected/" + name);
    return name;
  }
  throw Error(ErrorKind::cannot_create, "cannot move '" + escape_untrusted(plain) + "' to rejected/: the name is taken");
}

std::size_t Capture::count_waiting() const {
  const auto names = list_dir(dir_.get());
  const auto plain = std::count_if(names.begin(), names.end(), [](const std::string& name) { return !name.starts_with('.') && name != "rejected"; });
  return static_cast<std::size_t>(plain) + list_dir(claimed_.get()).size();
}

static void add_fingerprint(std::set<std::string>& all, const struct stat& info) {
  all.insert(std::to_string(info.st_ino) + "-" + std::to_string(mtime_ms(info)));
}

std::set<std::string> Capture::fingerprints(bool finished) const {
  std::set<std::string> all;
  for (const auto& name : list_dir(dir_.get())) {
    if (name.starts_with('.') || name == "rejected") continue;
    const auto file = open_hostile(dir_.get(), name);
    if (file.problem == HostileProblem::none && (!finished || is_finished(file))) add_fingerprint(all, file.info);
  }
  struct stat info {};
  for (const auto& name : list_dir(claimed_.get()))
    if (::fstatat(claimed_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) add_fingerprint(all, info);
  return all;
}

std::size_t Capture::count_rejected() const { return list_dir(rejected_.get()).size(); }

static bool has_old_form(const CameraId& camera, const std::string& name) {
  const auto prefix = camera.text() + "_";
  constexpr std::string_view kShape = "dddd_dd_dd_dd_dd_dd";
  if (!name.starts_with(prefix) || !name.ends_with(".jpg") || name.size() < prefix.size() + kShape.size() + 4) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const char c = name[prefix.size() + i];
    if (kShape[i] == 'd' ? c < '0' || c > '9' : c != kShape[i]) return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != '\\'; });
}

std::string name_in_envelope(const CameraId& camera, const std::string& original, TimeMs captured_at) {
  if (has_old_form(camera, original)) return original;
  return camera.text() + format_utc(captured_at, "_%Y_%m_%d_%H_%M_%S.jpg");
}

}  // namespace shutterseal::uploader
