// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/holder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/envelope/keys.h"
#include "src/ingestd/intake.h"

namespace shutterseal::ingestd {

static constexpr std::size_t kMostInTurn = 128, kPiece = 256 * 1024, kLongestName = 255, kMostSaid = 10'000;
static constexpr int kTimeDigits = 15;
static constexpr TimeMs kSettled = 1000;  // a rename by link and unlink is over by then, and a directory's time has ticked

// ---- names in held/ -------------------------------------------------------------------------------------------------------------------

std::string format_held(const HeldName& held) {
  char time[32];
  std::snprintf(time, sizeof time, "%0*lld", kTimeDigits, static_cast<long long>(held.had_since));
  return std::string(time) + "-" + held.digest.hex() + "-" + held.name;
}

std::optional<HeldName> parse_held(const std::string& text) {
  const std::size_t digest_at = kTimeDigits + 1, name_at = digest_at + 2 * Digest::kSize + 1;
  if (text.size() <= name_at || text[digest_at - 1] != '-' || text[name_at - 1] != '-') return std::nullopt;
  const auto time_text = text.substr(0, kTimeDigits);
  const auto time = parse_decimal(time_text.substr(std::min(time_text.find_first_not_of('0'), time_text.size() - 1)), kLatestTime);
  const auto digest = Digest::parse(text.substr(digest_at, 2 * Digest::kSize));
  if (!time || !digest) return std::nullopt;
  return HeldName{static_cast<TimeMs>(*time), *digest, text.substr(name_at)};
}

// ---- the thread -----------------------------------------------------------------------------------------------------------------------

Holder::Holder(const Context& context, const registry::Registry& registry, Pipeline& pipeline, const Log& log)
    : context_(context), registry_(registry), pipeline_(pipeline), log_(log), thread_([this] { run(); }) {}

Holder::~Holder() {
  {
    const std::lock_guard guard(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Holder::ask(const CameraId& camera) {
  const std::lock_guard guard(mutex_);
  asked_[camera] = {};
  changed_.notify_all();
}

void Holder::wait_until_done() {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [this] { return asked_.empty() && !is_busy_; });
}

bool Holder::must_stop() {
  const std::lock_guard guard(mutex_);
  return ending_;
}

void Holder::rest(std::int64_t milliseconds) {
  std::unique_lock guard(mutex_);
  changed_.wait_for(guard, std::chrono::milliseconds(milliseconds), [this] { return ending_; });
}

void Holder::say_once(const CameraId& camera, const std::string& reason) {
  if (said_.size() >= kMostSaid) said_.clear();
  if (said_.insert(camera.text() + " " + reason).second) log_.warning(LogLine("not-held").field("camera", camera.text()).sentence("reason", reason));
}

// One part of a camera's directory after the other's, so that none waits for another's million.
void Holder::run() {
  const auto look = std::chrono::milliseconds(context_.settings.rescan_ms);
  std::unique_lock guard(mutex_);
  auto next_look = std::chrono::steady_clock::now() + look;
  while (!ending_) {
    changed_.wait_until(guard, next_look, [this] { return ending_ || !asked_.empty(); });
    auto round = std::exchange(asked_, {});
    is_busy_ = true;
    guard.unlock();
    if (std::chrono::steady_clock::now() >= next_look) {
      look_at_all();
      next_look = std::chrono::steady_clock::now() + look;
    }
    for (auto one = round.begin(); one != round.end();) one = hold_some(one->first, one->second) ? std::next(one) : round.erase(one);
    guard.lock();
    asked_.insert(round.begin(), round.end());  // with more behind what was held; asked anew it begins again
    is_busy_ = false;
    changed_.notify_all();
  }
}

void Holder::look_at_all() {
  std::vector<CameraId> all;
  try {
    all = registry_.list();
  } catch (const Error&) {
    return;  // who takes drops says why
  }
  const std::lock_guard guard(mutex_);
  for (const auto& camera : all) asked_.emplace(camera, Work{context_.settings.rescan_ms, 0});
}

// ---- one camera -----------------------------------------------------------------------------------------------------------------------

static TimeMs changed(int dir) {
  struct stat info {};
  return ::fstat(dir, &info) == 0 ? mtime_ms(info) : 0;
}

// Thousands of cameras have nothing waiting.
bool Holder::is_empty_still(const CameraId& camera, int dir) {
  const auto known = empty_.find(camera);
  return known != empty_.end() && known->second == changed(dir);
}

// True: there is more.
bool Holder::hold_some(const CameraId& camera, Work& work) {
  if (must_stop()) return false;
  try {
    const auto path = incoming_path(context_.paths, camera);
    const Fd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir || is_empty_still(camera, dir.get())) return false;  // missing: who takes drops says so
    const auto at = changed(dir.get());
    const bool is_first = work.position == 0;
    const auto names = list_some(dir.get(), work.position, kMostInTurn);
    bool any = false;
    for (const auto& name : names) {
      if (name.starts_with('.')) continue;
      if (must_stop()) return false;
      any = true;
      hold_one(camera, dir.get(), name, work.least_age);
    }
    if (is_first && work.position == 0 && !any && now_ms() - at > kSettled)
      empty_[camera] = at;
    else
      empty_.erase(camera);
    return work.position != 0;
  } catch (const Error& error) {
    say_once(camera, error.what());
    return false;
  }
}

// Nothing: it was not the size it had. The change time is asked for behind it.
static std::optional<Digest> digest_of(int fd, std::uint64_t size) {
  Bytes buffer(std::min<std::uint64_t>(kPiece, size + 1));
  envelope::Sha256 digest;
  std::uint64_t at = 0;
  for (;;) {
    const auto got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read", "a drop");
    if (got == 0) break;
    at += static_cast<std::uint64_t>(got);
    if (at > size) return std::nullopt;
    digest.update(ByteView(buffer).first(static_cast<std::size_t>(got)));
  }
  return at == size ? std::optional(digest.finish()) : std::nullopt;
}

void Holder::hold_one(const CameraId& camera, int dir, const std::string& name, std::int64_t least_age) {
  // What is on its way is read already, and goes by this name.
  const auto reserved = pipeline_.reserve(camera, name);
  if (!reserved) return;
  const auto began = monotonic_ms();
  const auto file = open_hostile(dir, name);
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  // What is no drop, or too large for one, is refused when its turn comes: nothing is proved by it.
  if (file.problem != HostileProblem::none || size > context_.settings.drop_limit) return;
  const auto age = std::abs(now_ms() - change_ms(file.info));
  if (age < least_age || (file.info.st_nlink > 1 && age < kSettled)) return;
  const auto digest = digest_of(file.fd.get(), size);
  struct stat info {};
  if (!digest || ::fstat(file.fd.get(), &info) != 0) return;
  if (!move(camera, dir, name, format_held({change_ms(info), *digest, name}))) return;
  // A killed sshd's second name, by which the camera could write on.
  struct stat part {};
  if (info.st_nlink > 1 && ::fstatat(dir, part_name(name).c_str(), &part, AT_SYMLINK_NOFOLLOW) == 0 && part.st_ino == info.st_ino && part.st_dev == info.st_dev)
    static_cast<void>(::unlinkat(dir, part_name(name).c_str(), 0));
  rest(monotonic_ms() - began);
}

// The daemon cannot make it where a camera's folder is root's, as it must be: 'camera repair' does.
Fd Holder::folder(const CameraId& camera) const {
  const auto drop = open_dir(context_.paths.drop + "/" + camera.account());
  if (::mkdirat(drop.get(), kHeldFolder, 0700) != 0 && errno != EEXIST && errno != EACCES && errno != EPERM && errno != EROFS)
    throw_errno("cannot make directory", held_path(context_.paths, camera));
  return open_dir_at(drop.get(), kHeldFolder);
}

bool Holder::move(const CameraId& camera, int dir, const std::string& name, const std::string& to) {
  if (to.size() > kLongestName) return say_once(camera, "a name is too long"), false;
  const auto held = folder(camera);
  if (::renameat2(dir, name.c_str(), held.get(), to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == ENOENT) return false;  // somebody was faster
  throw_errno("cannot move a drop to", held_path(context_.paths, camera));
}

}  // namespace shutterseal::ingestd
