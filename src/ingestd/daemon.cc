// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/daemon.h"

#include <poll.h>

#include "src/base/error.h"
#include "src/base/time.h"

namespace shutterseal::ingestd {

static constexpr std::size_t kMostInTurn = 32;  // drops of one camera before the others have theirs
static constexpr std::int64_t kLongestPause = 1000;

static Committer& adopted(Committer& committer, const Context& context, const Log& log) {
  Verifier verifier(context.settings, log);
  const auto custodians = server::skis_of(server::read_certificates(context.paths.custodians));
  committer.adopt(judge_with(verifier, custodians));
  committer.catch_up();
  return committer;
}

Daemon::Daemon(const Context& context, const Log& log, StopSignal& stop_signal, Patience patience)
    : context_(context),
      log_(log),
      stop_signal_(stop_signal),
      registry_(context.paths.cameras),
      troubles_(context.paths.waiting, log),
      committer_(context, registry_, troubles_, log),
      intake_(context, registry_, committer_.quarantine(), log),
      watch_(context, registry_, log),
      pipeline_(context, registry_, adopted(committer_, context, log), troubles_, log, patience, [this] { return must_stop(); }),
      holder_(context, registry_, pipeline_, log) {}

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

Daemon::Left Daemon::take_page(const Intake::Turn& turn) {
  for (const auto& one : pipeline_.take_staying(turn.camera.id)) intake_.complain_once(turn.camera.id, one.name, one.why);
  if (const auto left = turn.held ? take_from(turn, Place::held) : Left::nothing; left != Left::nothing) return left;
  return take_from(turn, Place::incoming);
}

Daemon::Left Daemon::take_from(const Intake::Turn& turn, Place place) {
  const auto& camera = turn.camera.id;
  const bool is_tried = troubles_.is_tried(camera);  // with one drop, and the next when that went all the way
  std::size_t taken = 0;
  const auto names = intake_.names(turn, place);
  for (const auto& name : names) {
    if (pipeline_.knows(camera, name)) continue;
    if (is_tried && taken == 1) return Left::nothing;
    if (taken == kMostInTurn) return Left::more;
    if (!pipeline_.has_share(camera)) return Left::pipeline_is_full;
    if (auto drop = intake_.take(turn, place, name)) {
      pipeline_.put(std::move(*drop), names.size() <= FairShare::kFew);
      ++taken;
    }
  }
  return intake_.turn_page(camera, place) ? Left::more : Left::nothing;
}

// What is not for now shall not be its sender's meanwhile.
Daemon::Left Daemon::leave(const CameraId& camera) {
  holder_.ask(camera);
  return Left::nothing;
}

// A broken camera.conf stops that camera (fail closed) and no other.
Daemon::Left Daemon::take_some(const CameraId& camera) {
  try {
    if (troubles_.waits(camera)) return pipeline_.mend(false), leave(camera);
    if (!pipeline_.is_due_for_more(camera)) return Left::pipeline_is_full;
    const auto turn = intake_.begin(camera);
    return turn ? take_page(*turn) : leave(camera);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system)
      log_.error(LogLine("trouble").field("camera", camera.text()).sentence("reason", error.what()));
    else
      troubles_.wait(camera, error.what());
    return leave(camera);
  }
}

// One turn for each camera that is due; who has more left is due again. Never until all is taken: a camera that sends faster than that would keep
// the others waiting for ever. Gives how long to wait for something new before the next sweep.
std::int64_t Daemon::sweep() {
  if (!has_space()) {
    for (const auto& camera : due_) static_cast<void>(leave(camera));
    due_.clear();  // the next rescan finds them
  }
  std::set<CameraId> again;
  auto pause = kLongestPause;  // the pipeline says when it has room again
  for (const auto& camera : due_) {
    if (must_stop()) break;
    const auto left = take_some(camera);
    if (left != Left::nothing) again.insert(camera);
    if (left == Left::more) pause = 0;
  }
  due_ = std::move(again);
  return pause;
}

void Daemon::make_due(const std::vector<CameraId>& cameras) { due_.insert(cameras.begin(), cameras.end()); }

void Daemon::wait(std::int64_t longest_ms) {
  struct pollfd waited[3] = {{stop_signal_.fd(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}, {pipeline_.room_fd(), POLLIN, 0}};
  static_cast<void>(::poll(waited, 3, static_cast<int>(due_.empty() ? longest_ms : pipeline_.shortest_rest(longest_ms))));
  pipeline_.note_room();
  make_due(pipeline_.take_left());
  make_due(troubles_.take_working());
}

void Daemon::tend() {
  for (const auto& [camera, reason] : troubles_.tend()) committer_.alarms().waits(camera, reason);
  committer_.alarms().tend();
}

void Daemon::run_once() {
  for (make_due(watch_.rescan()); !due_.empty() && !must_stop(); make_due(pipeline_.take_left())) {
    while (!due_.empty() && !must_stop()) {
      const auto pause = sweep();
      pipeline_.check();
      if (!due_.empty()) wait(pause);
    }
    pipeline_.wait_until_empty();
    pipeline_.check();
  }
  holder_.wait_until_done();
  tend();
}

void Daemon::run() {
  auto next_rescan = monotonic_ms();
  manager_.ready();
  while (!must_stop()) {
    bool all = monotonic_ms() >= next_rescan || stop_signal_.reload_requested();
    make_due(watch_.events(all));
    if (all) {
      pipeline_.mend(true);
      make_due(watch_.rescan());
      next_rescan = monotonic_ms() + context_.settings.rescan_ms;
    }
    const auto pause = sweep();
    pipeline_.check();
    tend();
    wait(std::min(pause, std::max<std::int64_t>(0, next_rescan - monotonic_ms())));
  }
  manager_.stopping();
}

}  // namespace shutterseal::ingestd
