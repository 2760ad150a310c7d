// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/daemon.h"

#include <poll.h>

#include "src/base/error.h"

namespace shutterseal::ingestd {

static constexpr std::size_t kMostInTurn = 32;  // drops of one camera before the others have theirs
static constexpr std::size_t kMostKnown = 256;  // names that a listing may show again while they are on their way

static Committer& adopted(Committer& committer, const Context& context) {
  Verifier verifier(context.settings.picture_limit);
  const auto custodians = server::skis_of(server::read_certificates(context.paths.custodians));
  committer.adopt(judge_with(verifier, custodians));
  return committer;
}

Daemon::Daemon(const Context& context, const Log& log, StopSignal& stop_signal, Patience patience)
    : context_(context),
      log_(log),
      stop_signal_(stop_signal),
      registry_(context.paths.cameras),
      things_(context.paths.quarantine, context.settings.quarantine_quota),
      committer_(context, registry_, log),
      intake_(context, registry_, things_, log),
      watch_(context, registry_, log),
      pipeline_(context, registry_, adopted(committer_, context), log, patience, [this] { return must_stop(); }) {}

// Asked wherever the daemon waits, so it is the heartbeat, too: no beat while the pipeline stands still, and the watchdog starts us again.
bool Daemon::must_stop() {
  if (pipeline_.is_moving()) manager_.alive();
  return stop_signal_.stop_requested();
}

// Below the reserve drops wait: sshd tells the cameras sooner or later that the disk is full, and they keep what they have.
bool Daemon::has_space() {
  const bool enough = committer_.free_space() >= context_.settings.free_least;
  if (!enough && !told_full_) log_.error(LogLine("disk-full").number("free-least", static_cast<std::int64_t>(context_.settings.free_least)));
  told_full_ = !enough;
  return enough;
}

// A broken camera.conf stops that camera (fail closed) and no other.
std::size_t Daemon::take_some(const CameraId& camera) {
  std::size_t taken = 0;
  try {
    const auto turn = intake_.begin(camera);
    if (!turn) return 0;
    for (const auto& name : intake_.names(*turn, kMostInTurn + kMostKnown)) {
      if (taken == kMostInTurn) break;
      if (pipeline_.knows(camera, name)) continue;
      if (auto drop = intake_.take(*turn, name)) {
        pipeline_.put(std::move(*drop));
        ++taken;
      }
    }
  } catch (const Error& error) {
    log_.error(LogLine("trouble").field("camera", camera.text()).sentence("reason", error.what()));
  }
  return taken;
}

// One turn for each. True: some took their full share, so there may be more.
bool Daemon::sweep(const std::vector<CameraId>& cameras) {
  bool more = false;
  for (const auto& camera : cameras) more = take_some(camera) == kMostInTurn || more;
  return more;
}

void Daemon::work_off(const std::vector<CameraId>& cameras) {
  while (!must_stop() && has_space() && sweep(cameras)) pipeline_.check();
  pipeline_.check();
}

void Daemon::run_once() {
  work_off(watch_.rescan());
  pipeline_.wait_until_empty();
  pipeline_.check();
}

void Daemon::run() {
  auto next_rescan = monotonic_ms();
  manager_.ready();
  while (!must_stop()) {
    bool all = monotonic_ms() >= next_rescan || stop_signal_.reload_requested();
    const auto busy = watch_.events(all);
    if (all) next_rescan = monotonic_ms() + context_.settings.rescan_ms;
    work_off(all ? watch_.rescan() : busy);
    struct pollfd waited[2] = {{stop_signal_.fd(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}};
    const auto pause = std::max<std::int64_t>(0, next_rescan - monotonic_ms());
    static_cast<void>(::poll(waited, 2, static_cast<int>(std::min<std::int64_t>(pause, 1000))));
  }
  manager_.stopping();
}

}  // namespace shutterseal::ingestd
