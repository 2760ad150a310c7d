// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/session.h"

#include <poll.h>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal::uploader {

static constexpr std::size_t kMostInGroup = 32;
static constexpr std::size_t kMostClaimed = 4096;  // a look at the directory costs an open a file: not one look a group
static constexpr std::int64_t kRescanMs = 10'000;  // inotify may overflow; another process may have sealed an event
static constexpr std::int64_t kRetryMs = 1'000;    // for a picture that is being written, at first; where there are no notices; for a place that is away
static constexpr int kEndPollMs = 5;
static constexpr std::int64_t kGapInterval = 3'600'000, kGapRest = 60'000;  // a look at all folders; the rest when there are too many for once
static constexpr std::size_t kMostGaps = 16;
static constexpr const char* kReceiptsLost = "trouble receipt-state lost";
static constexpr const char* kReceiptsLostText =
    "what this camera knew of receipts is lost: it lets go of nothing until a receipt covers this event, which nobody could foresee";
static constexpr std::int64_t kSlice = 200;  // how soon a sleeping thread notices the end

Session::Session(const Context& context, const Secret& passphrase, const Log& log, StopSignal& stop_signal)
    : context_(context),
      log_(log),
      stop_signal_(stop_signal),
      opening_(std::async(std::launch::async, [&context, &passphrase] { return open_ssh_key(context, passphrase); })),
      identity_(load_identity(context)),
      sealer_(make_sealer(context, identity_, passphrase)),
      troubles_(context.state + "/troubles"),
      capture_(context.settings, context.state, troubles_),
      watcher_(context.settings.capture_dir),
      spool_(context.paths.spool),
      station_(context, identity_, *sealer_, &capture_, spool_),
      login_(opening_.get(), identity_),
      sender_(context, identity_, login_, spool_, hooks()),
      heartbeat_(context),
      stated_(context.state + "/gaps"),
      losses_(context.state + "/losses"),
      unsealed_(context.state) {
  station_.recover();
}

Sender::Hooks Session::hooks() {
  return {[this] { return stop_.load(); },
          [this](LogLevel level, const LogLine& line) { log_.write(level, line.text()); },
          [this](const envelope::Receipt& receipt) {
            if (station_.is_overtaken(receipt.runs)) station_.start_new_chain();
          },
          [this] { refused_ = true; },
          [this] { lost_ = true; },
          [this](const ChainId& chain, std::uint64_t first, std::uint64_t last, const std::string& why) { stated_.add({{chain, first, last, why, false}}); },
          [this] { return sealer_->renewal_request(identity_.camera(), identity_.request.ssh_public_key); }};
}

// ---- the sealing side -------------------------------------------------------------------------------------------------------------

// One step's error costs that step: said by watch, and tried again with the next look; thrown by run, behind all the others.
void Session::attempt(const std::function<void()>& step) {
  try {
    step();
  } catch (const Error&) {
    if (!failed_) failed_ = std::current_exception();
  }
}

void Session::tell(const std::vector<LogLine>& lines) const {
  for (const auto& line : lines) log_.warning(line);
}

// What lies at a place that the path leads to no more is still had by its descriptors: finished pictures are sealed, and what is not finished is lost to us.
void Session::seal_left() {
  auto names = capture_.claimed();
  const bool elsewhere = capture_.place().is_elsewhere();
  if (elsewhere) {
    const auto fresh = capture_.claim_finished(kMostClaimed);
    names.insert(names.end(), fresh.begin(), fresh.end());
    losses_.add("left-behind", capture_.counts().young + capture_.counts().left);
  }
  for (std::size_t at = 0; at < names.size(); at += kMostInGroup)
    seal_group({names.begin() + static_cast<std::ptrdiff_t>(at), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), at + kMostInGroup))});
  if (elsewhere) losses_.add("left-behind", capture_.claimed().size());
}

// False: not yet, because what lies there cannot be sealed now.
bool Session::leave_place() {
  const auto& place = capture_.place();
  if (!place.is_there()) return true;
  const char* what = place.is_deleted() ? "deleted" : place.is_elsewhere() ? "another" : place.may_be_written() ? "without-claims" : "not-writable";
  log_.warning(LogLine("capture-dir").field("found", what).untrusted("path", place.path()));
  if (place.is_deleted() || !place.may_be_written()) return true;
  if (!has_room()) return false;
  seal_left();
  return true;
}

void Session::look_at_place() {
  if (!capture_.place().is_same() && leave_place()) {
    capture_.open();
    claimed_.clear();
    watcher_.begin_anew();
  }
  capture_.look_at_rejected();
  const auto& place = capture_.place();
  if (!place.is_there()) troubles_.note(Looking::at_place, "capture-dir " + place.reason(), place.path());
  tell(troubles_.settle(Looking::at_place, now_ms()));
}

void Session::take_judged() {
  const auto judged = capture_.take_judged();
  for (const auto& line : judged.rejected) log_.warning(LogLine("rejected").untrusted("file", line));
  for (const auto& name : judged.removed) log_.warning(LogLine("rejected-removed").untrusted("file", name));
  rejected_ += judged.rejected.size();
  losses_.add("rejected", judged.rejected.size());
  losses_.add("damaged", judged.damaged);
  losses_.add("rejected-removed", judged.removed.size());
}

// First what an earlier run, or a full disk, left.
std::vector<std::string> Session::claim() {
  auto claimed = capture_.claimed();
  tell(troubles_.settle(Looking::at_claims, now_ms()));
  if (!claimed.empty()) return claimed;
  claimed = capture_.claim_finished(kMostClaimed);
  tell(troubles_.settle(Looking::at_files, now_ms()));
  take_judged();
  return claimed;
}

// Nothing is lost by a full spool itself, but the camera software may overwrite what waits for it.
bool Session::has_room() {
  spool_full_ = spool_.backlog().octets >= context_.settings.spool_limit;
  if (spool_full_) {
    log_.error(LogLine("spool-full").number("limit", static_cast<std::int64_t>(context_.settings.spool_limit)));
    unsealed_.look(capture_.fingerprints(true));
  } else if (unsealed_.is_open()) {
    const auto lost = unsealed_.lost(capture_.fingerprints(false));
    const auto note = note_of_losses("spool-full", lost, unsealed_.since());
    if (lost != 0) static_cast<void>(station_.seal_event(note, note));
    unsealed_.forget();
  }
  return !spool_full_;
}

// One group. False: nothing finished is left, or the spool is full.
bool Session::seal_some() {
  if (!has_room()) return false;
  if (claimed_.empty()) {
    const auto fresh = claim();
    claimed_.assign(fresh.begin(), fresh.end());
  }
  if (claimed_.empty()) return false;
  const auto size = static_cast<std::ptrdiff_t>(std::min(claimed_.size(), kMostInGroup));
  const std::vector<std::string> group(claimed_.begin(), claimed_.begin() + size);
  claimed_.erase(claimed_.begin(), claimed_.begin() + size);
  return seal_group(group) != 0 || !claimed_.empty();
}

// How many are done with, sealed or put aside.
std::size_t Session::seal_group(const std::vector<std::string>& group) {
  const auto rejected = rejected_;
  const auto result = station_.seal_pictures(group);
  take_judged();
  losses_.add("vanished", result.vanished);
  if (!result.sealed.empty()) heartbeat_.sealed();
  return result.sealed.size() + rejected_ - rejected;
}

void Session::seal_all() {
  look_at_place();
  if (!capture_.place().is_there()) return;
  while (!stop_ && seal_some()) {
    manager_.alive();
    poll_stop();
  }
  capture_.remove_emptied();
}

// Whether they are finished, run learns from a second look alone.
void Session::seal_untold() {
  if (!capture_.place().is_there() || capture_.counts().untold == 0 || spool_full_) return;
  struct pollfd waited {
    stop_signal_.fd(), POLLIN, 0
  };
  static_cast<void>(::poll(&waited, 1, static_cast<int>(kQuietMs + kRetryMs / 4)));
  poll_stop();
  seal_all();
}

// What was sealed and lost. At start, every hour, and when something was refused or put aside.
void Session::state_gaps() {
  if (sender_.letting_go().needs_proof()) sender_.letting_go().prove_by(station_.seal_event(kReceiptsLost, kReceiptsLostText).name);
  const bool is_asked = refused_.exchange(false) | lost_.exchange(false);
  if (!is_asked && monotonic_ms() < next_gap_look_) return;
  const bool has_heard = sender_.has_heard();
  // Put aside by an earlier process that was killed before it stated that: nothing else may make this one look at a receipt.
  if (!has_heard && !stated_.without(station_.find_gaps(true)).empty()) sender_.owe_look();
  auto gaps = stated_.without(station_.find_gaps(has_heard));
  next_gap_look_ = monotonic_ms() + (gaps.size() > kMostGaps ? kGapRest : kGapInterval);
  if (gaps.empty()) return;
  gaps.resize(std::min(gaps.size(), kMostGaps));
  for (const auto& gap : gaps) static_cast<void>(station_.seal_event(note_of(gap), text_of(gap)));
  stated_.add(gaps);
}

void Session::state_losses(bool ending) {
  for (const auto& [reason, count] : losses_.due(monotonic_ms(), ending)) {
    const auto note = note_of_losses(reason, count, now_ms());
    static_cast<void>(station_.seal_event(note, note));
    losses_.stated(reason, count);
  }
}

void Session::state_troubles() {
  for (const auto& [note, text] : troubles_.due(now_ms())) static_cast<void>(station_.seal_event(note, text));
}

// None while the pictures' place is away: it would say that all is well.
void Session::beat(bool running) {
  if (!capture_.place().is_there()) return;
  const bool nothing_waits = spool_.backlog().count == 0;
  if (!(running ? heartbeat_.is_due_in_run(nothing_waits) : heartbeat_.is_due(nothing_waits))) return;
  const auto note = heartbeat_note(context_.settings.heartbeat_ms);
  static_cast<void>(station_.seal_event(note, note));
  if (running)
    heartbeat_.beaten_in_run();
  else
    heartbeat_.beaten();
}

void Session::poll_stop() {
  if (stop_signal_.stop_requested()) stop_ = true;
}

// ---- the sending side -------------------------------------------------------------------------------------------------------------

// `stay`: until told to stop. Otherwise until all is sealed, sent and receipted, the line fails, or no receipt comes in time.
void Session::drain(bool stay) {
  while (!stop_) {
    auto step = Sender::Step::waiting;
    try {
      step = sender_.step();
    } catch (const Error& error) {
      if (!stay) throw;
      step = sender_.after_trouble(error);
    }
    if (sender_.has_new_bundle()) {
      ending_ = Ending::new_bundle;
      return;
    }
    if (step == Sender::Step::sent) continue;
    if (!stay) {
      const bool good = sender_.last_outcome() == transport::Outcome::done || sender_.last_outcome() == transport::Outcome::absent;
      if (step == Sender::Step::idle && !lost_ && sealed_all_ && spool_.backlog().count == 0) {
        ending_ = Ending::drained;
        return;
      }
      const auto since = sender_.awaiting_since();
      const bool late = since != 0 && monotonic_ms() - since > context_.settings.receipt_timeout_ms;
      if (step == Sender::Step::waiting && (!good || late)) {
        ending_ = Ending::failed;
        return;
      }
    }
    sender_.close_if_idle();
    spool_.wait(step == Sender::Step::idle ? kSlice * 5 : std::min(sender_.pause_ms(), kSlice * 5));
  }
}

// An Error of one thread ends both, and is thrown where main can see it.
void Session::send_until_done(bool stay) {
  try {
    drain(stay);
    sender_.settle();
  } catch (...) {
    failure_ = std::current_exception();
  }
  sender_ended_ = true;
}

static Error stuck() { return {ErrorKind::temporary, "a library does not come back from a line that was hung up, or from the key that logs in"}; }

// Nothing is sent any more: a new process can do what this one cannot.
void Session::refuse_to_hang() const {
  if (sender_.is_stuck()) throw stuck();
}

Ending Session::finish(std::thread& sending, const std::exception_ptr& failure) {
  while (!sender_ended_) {
    if (sender_.is_stuck()) {
      log_.write(LogLevel::error, stuck().what());
      leave_without_waiting(stop_ && !failure ? 0 : exit_code(stuck().kind()));
    }
    static_cast<void>(::poll(nullptr, 0, kEndPollMs));
  }
  sending.join();
  if (failure) std::rethrow_exception(failure);
  if (failure_) std::rethrow_exception(failure_);
  return ending_;
}

Ending Session::run() {
  std::thread sending([this] { send_until_done(false); });
  std::exception_ptr failure;
  try {
    attempt([this] { state_gaps(); });
    attempt([this] { seal_all(); });
    attempt([this] { seal_untold(); });
    attempt([this] { state_losses(true); });
    attempt([this] { state_troubles(); });
    attempt([this] { unsealed_.save(); });
    attempt([this] { beat(true); });
    failure = std::exchange(failed_, nullptr);
  } catch (...) {
    failure = std::current_exception();
  }
  sealed_all_ = true;
  spool_.wake();
  while (!sender_ended_ && !sender_.is_stuck()) {
    struct pollfd waited {
      stop_signal_.fd(), POLLIN, 0
    };
    static_cast<void>(::poll(&waited, 1, kEndPollMs));
    poll_stop();
    if (stop_) spool_.wake();
    if (lost_) state_late_gaps(failure);
  }
  return finish(sending, failure);
}

// What the sender found out, stated by the same run: it does not end before. Of what the server refused the next run tells: it would refuse that, too.
void Session::state_late_gaps(std::exception_ptr& failure) {
  if (failure) {  // a disk that sealing failed on takes no statement either: the next run tries
    lost_ = false;
    return;
  }
  sealed_all_ = false;
  try {
    state_gaps();
  } catch (...) {
    failure = std::current_exception();
  }
  sealed_all_ = true;
  spool_.wake();
}

// A full disk, for one: the originals are still there. Said, and tried again.
void Session::work() {
  attempt([this] { state_gaps(); });
  attempt([this] { seal_all(); });
  attempt([this] { state_losses(false); });
  attempt([this] { state_troubles(); });
  attempt([this] { beat(false); });
}

std::int64_t Session::pause() const {
  if (failed_) return kRescanMs;
  if (!capture_.place().is_there() || !watcher_.is_complete()) return kRetryMs;
  return waited_ms_ != 0 ? waited_ms_ : kRescanMs;
}

// What only stays must not make the looks more frequent: of a picture that is not finished a notice will tell, or it grows old.
void Session::wait_for_notice() {
  const bool fresh = capture_.place().is_there() && watcher_.follow(capture_.folders());
  if (!watcher_.is_complete()) troubles_.note(Looking::at_notices, "no-notices", watcher_.lack(), Weight::told);
  tell(troubles_.settle(Looking::at_notices, now_ms()));
  if (fresh && !failed_) return;
  waited_ms_ = capture_.counts().young == 0 || spool_full_ ? 0 : std::min(std::max(kRetryMs, waited_ms_ * 2), kRescanMs);
  const auto until = monotonic_ms() + pause();
  for (auto left = pause(); left > 0 && !stop_ && !sender_ended_; left = until - monotonic_ms()) {
    struct pollfd waited[2] = {{stop_signal_.fd(), POLLIN, 0}, {failed_ ? -1 : watcher_.fd(), POLLIN, 0}};
    static_cast<void>(::poll(waited, 2, static_cast<int>(left)));
    poll_stop();
    if (waited[1].revents != 0 && watcher_.heard()) {
      waited_ms_ = 0;
      return;
    }
  }
}

void Session::wait_for_pictures() {
  auto next_rescan = monotonic_ms() + kRescanMs;
  manager_.ready();
  while (!stop_ && !sender_ended_) {
    manager_.alive();
    refuse_to_hang();
    failed_ = nullptr;
    if (monotonic_ms() >= next_rescan) {
      attempt([this] { station_.recover(); });  // what another process sealed, an alert for one
      next_rescan = monotonic_ms() + kRescanMs;
    }
    work();
    try {
      if (failed_) std::rethrow_exception(failed_);
    } catch (const Error& error) {
      log_.write(LogLevel::error, error.what());
    }
    wait_for_notice();
  }
  state_losses(true);
  unsealed_.save();
}

Ending Session::watch() {
  std::thread sending([this] { send_until_done(true); });
  std::exception_ptr failure;
  try {
    wait_for_pictures();
  } catch (...) {
    failure = std::current_exception();
  }
  stop_ = true;
  spool_.wake();
  return finish(sending, failure);
}

}  // namespace shutterseal::uploader
