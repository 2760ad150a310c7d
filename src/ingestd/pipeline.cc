// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/pipeline.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"

namespace shutterseal::ingestd {

static constexpr std::uint64_t kMostOctets = std::uint64_t{48} << 20;  // on their way to evidence; one drop may be larger
static constexpr std::size_t kMostDrops = 256;  // each is a descriptor
static constexpr std::size_t kMostEnvelopes = 1024;  // in a group, and as many of one more drop: each is an open file until the group is committed
static constexpr int kCommitters = 4;  // most of them wait for the disk: evidence, rows, receipts, what is removed
static constexpr std::size_t kMostDrafts = 512;  // each is an open file, too
static constexpr auto kStopInterval = std::chrono::milliseconds(200);
static constexpr std::int64_t kLongestStepMs = 60 * 1000;
static constexpr auto kTroublePause = std::chrono::seconds(5);
static constexpr std::int64_t kMendPauseMs = 2000;

// ---- adoption -------------------------------------------------------------------------------------------------------------------------

server::JudgeOne judge_with(Verifier& verifier, const std::vector<Ski>& custodians) {
  return [&verifier, &custodians](ByteView bytes, const CameraId& camera, const std::vector<server::Signer>& signers) {
    Arena octets;
    octets.load(bytes);
    const auto judged = verifier.judge(octets, camera, signers, custodians);
    // Evidence holds one envelope a file: two would mean that somebody wrote there.
    return judged.size() == 1 ? judged.front() : envelope::Judged{};
  };
}

// ---- the queue --------------------------------------------------------------------------------------------------------------

Pipeline::Pipeline(const Context& context, const registry::Registry& registry, Committer& committer, Troubles& troubles, const Log& log, Patience patience,
                   std::function<bool()> stop)
    : context_(context),
      registry_(registry),
      committer_(committer),
      troubles_(troubles),
      log_(log),
      patience_(patience),
      stop_(std::move(stop)),
      custodians_(server::skis_of(server::read_certificates(context.paths.custodians))),
      fair_share_(context.settings.pending_files),
      room_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!room_) throw_errno("cannot make", "an event descriptor");
  for (std::uint64_t i = 0; i < context.settings.workers; ++i) threads_.emplace_back([this] { run_lane(); });
  for (int i = 0; i < kCommitters; ++i) threads_.emplace_back([this] { run_committer(); });
  threads_.emplace_back([this] { run_mender(); });
}

Pipeline::~Pipeline() {
  {
    const std::lock_guard guard(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool Pipeline::knows(const CameraId& camera, const std::string& name) const {
  const std::lock_guard guard(mutex_);
  return known_.contains({camera, name});
}

std::unique_ptr<Pipeline::Claim> Pipeline::reserve(const CameraId& camera, const std::string& name) {
  const std::lock_guard guard(mutex_);
  if (!known_.emplace(camera, name).second) return nullptr;
  return std::make_unique<Claim>(*this, std::pair(camera, name));
}

Pipeline::Claim::~Claim() {
  const std::lock_guard guard(pipeline_->mutex_);
  pipeline_->known_.erase(drop_);
  pipeline_->changed_.notify_all();
}

bool Pipeline::has_less_than(const CameraId& camera, std::uint64_t files, std::uint64_t octets) const {
  const auto share = shares_.find(camera);
  return files > 0 && (share == shares_.end() || (share->second.files < files && share->second.octets < octets));
}

bool Pipeline::has_share(const CameraId& camera) const {
  const std::lock_guard guard(mutex_);
  return has_less_than(camera, fair_share_.files(camera, monotonic_ms()), context_.settings.pending_bytes);
}

bool Pipeline::is_due_for_more(const CameraId& camera) const {
  const std::lock_guard guard(mutex_);
  const auto files = fair_share_.files(camera, monotonic_ms());
  return has_less_than(camera, files == 0 ? 0 : files / 2 + 1, context_.settings.pending_bytes / 2 + 1);
}

std::int64_t Pipeline::shortest_rest(std::int64_t longest) const {
  const std::lock_guard guard(mutex_);
  return fair_share_.shortest_rest(longest, monotonic_ms());
}

void Pipeline::put(Drop drop, bool is_of_few) {
  std::unique_lock guard(mutex_);
  if (is_of_few) fair_share_.few_came(shares_.size() > shares_.count(drop.camera), monotonic_ms());
  const auto size = drop.size;
  const auto has_room = [&] { return failure_ || pending_ == 0 || (octets_ + size <= kMostOctets && pending_ < kMostDrops); };
  while (!changed_.wait_for(guard, kStopInterval, has_room))
    if (stop_()) return;
  if (known_.contains({drop.camera, drop.name})) return;  // it is being moved
  if (on_their_way_++ == 0) stepped();
  ++pending_;
  octets_ += size;
  known_.emplace(drop.camera, drop.name);
  auto& share = shares_[drop.camera];
  if (share.files++ == 0) share.since = monotonic_ms();
  share.is_of_few = is_of_few;
  share.octets += size;
  const auto camera = drop.camera;
  waiting_.put(camera, std::move(drop));
  changed_.notify_all();
}

bool Pipeline::is_moving() const noexcept { return on_their_way_ == 0 || monotonic_ms() - last_step_ < kLongestStepMs; }

void Pipeline::stepped() noexcept { last_step_ = monotonic_ms(); }

void Pipeline::wait_until_empty() {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [this] { return failure_ || known_.empty(); });
}

void Pipeline::check() {
  const std::lock_guard guard(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void Pipeline::fail() noexcept {
  const std::lock_guard guard(mutex_);
  if (!failure_) failure_ = std::current_exception();
  ending_ = true;
  changed_.notify_all();
}

// ---- verify ---------------------------------------------------------------------------------------------------------------------------

std::optional<Drop> Pipeline::next_drop() {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [this] { return failure_ || ending_ || !waiting_.empty(); });
  if (failure_ || waiting_.empty()) return std::nullopt;
  auto drop = std::move(waiting_.front());
  waiting_.pop();
  ++in_lanes_;
  return drop;
}

struct Pipeline::Lane {
  Verifier verifier;
  server::SignerCache cache;
  Arena octets{};
};

// The change time is the kernel's alone: writing, renaming and linking set it, and no call of a camera's can set it back. Asked after the octets were
// read, so that it speaks of them.
static TimeMs unchanged_since(const Drop& drop) {
  struct stat info {};
  if (::fstat(drop.file.get(), &info) != 0) throw_errno("cannot look at", drop.name);
  return change_ms(info);
}

// A name that was given here counts with the octets that it was given for.
static TimeMs had_since(const Drop& drop, ByteView octets) {
  const auto changed = unchanged_since(drop);
  const auto held = drop.is_held ? parse_held(drop.name) : std::nullopt;
  return held && held->had_since < changed && held->digest == envelope::sha256(octets) ? held->had_since : changed;
}

void Pipeline::stay(const Drop& drop, const char* why) {
  const std::lock_guard guard(mutex_);
  staying_.emplace(std::pair(drop.camera, drop.name), why);
  make_room(drop);
  forget(drop);
}

void Pipeline::refuse_unjudged(Drop& drop) {
  const auto digest = committer_.quarantine().keep_unjudged(drop);
  if (!digest) return stay(drop, "changing");
  drop.file.reset();
  envelope::Judged refusal;
  refusal.verdict = drop.unjudged->verdict;
  const auto camera = drop.camera;
  JudgedDrop judged{std::move(drop), {refusal}, {}, {}, {}, digest};
  const std::lock_guard guard(mutex_);
  judged_.put(camera, std::move(judged));
}

// One file that the disk does not give is no trouble of its neighbours. False: it stays where it is.
bool Pipeline::load(Drop& drop, Lane& lane) {
  try {
    if (!lane.octets.load(drop.file.get(), drop.size)) return stay(drop, "changing"), false;
    drop.unchanged_since = had_since(drop, lane.octets.view());
  } catch (const Error& error) {
    if (error.number() == 0 || error.kind() == ErrorKind::system) throw;
    return stay(drop, "unreadable"), false;
  }
  drop.file.reset();
  return true;
}

// A camera whose registry files are broken stops alone (fail closed): its drops stay where they are.
std::optional<std::vector<server::Signer>> Pipeline::signers_of(const CameraId& camera, Lane& lane) {
  if (troubles_.waits(camera)) return std::nullopt;
  try {
    return lane.cache.of(camera);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system) throw;
    troubles_.wait(camera, error.what());
    return std::nullopt;
  }
}

void Pipeline::judge_one(Drop drop, Lane& lane) {
  try {
    if (drop.unjudged) return refuse_unjudged(drop);
    auto signers = signers_of(drop.camera, lane);
    if (!signers) {
      const std::lock_guard guard(mutex_);
      make_room(drop);
      return forget(drop);
    }
    if (!load(drop, lane)) return;
    auto envelopes = lane.verifier.judge(lane.octets, drop.camera, *signers, custodians_);
    JudgedDrop judged{std::move(drop), std::move(envelopes), std::move(*signers), {}, {}, {}};
    keep_octets(judged, lane.octets.view());
    const std::lock_guard guard(mutex_);
    const auto camera = judged.drop.camera;
    judged_.put(camera, std::move(judged));
  } catch (const Error& error) {
    log_.error(LogLine("trouble").field("camera", drop.camera.text()).sentence("reason", error.what()));
    const std::lock_guard guard(mutex_);
    make_room(drop);
    forget(drop);
  }
}

bool Pipeline::may_draft(const JudgedDrop& judged) {
  const auto& all = judged.envelopes;
  const bool stored = std::all_of(all.begin(), all.end(), [](const envelope::Judged& one) { return is_stored(one.verdict); });
  if (!stored || judged.drop.is_for_keeping) return false;
  const std::lock_guard guard(mutex_);
  if (drafts_ + all.size() > kMostDrafts) return false;
  drafts_ += all.size();
  return true;
}

// Drafts are written here, beside the syncing of the groups before: what waits for the disk should wait for as little as can be.
void Pipeline::keep_octets(JudgedDrop& judged, ByteView octets) {
  if (may_draft(judged)) {
    try {
      for (const auto& one : judged.envelopes)
        judged.drafts.push_back(committer_.draft(judged.drop.camera, judged.drop.received_at, octets.subspan(one.offset, one.size)));
      return;
    } catch (const Error&) {
      // The commit will meet the same trouble, and there it is said and waited out.
      judged.drafts.clear();
      const std::lock_guard guard(mutex_);
      drafts_ -= judged.envelopes.size();
    }
  }
  judged.octets.assign(octets.begin(), octets.end());
}

void Pipeline::note_room() noexcept {
  eventfd_t count;
  static_cast<void>(::eventfd_read(room_.get(), &count));
}

void Pipeline::make_room(const Drop& drop) {
  --pending_;
  octets_ -= drop.size;
  const auto share = shares_.find(drop.camera);
  share->second.octets -= drop.size;
  if (--share->second.files == 0) {
    const auto now = monotonic_ms();
    if (!share->second.is_of_few) fair_share_.went(drop.camera, now - share->second.since, now);
    shares_.erase(share);
  }
  static_cast<void>(::eventfd_write(room_.get(), 1));
}

void Pipeline::make_room(std::vector<JudgedDrop>& group) {
  std::size_t drafts = 0;
  for (auto& judged : group) {
    drafts += judged.drafts.size();
    judged.drafts.clear();
    judged.octets = Bytes();
  }
  const std::lock_guard guard(mutex_);
  drafts_ -= drafts;
  for (const auto& judged : group) make_room(judged.drop);
  changed_.notify_all();
}

void Pipeline::forget(const Drop& drop) {
  --on_their_way_;
  known_.erase({drop.camera, drop.name});
}

void Pipeline::forget(const std::vector<JudgedDrop>& group, bool committed, const Committer::Settled& settled) {
  const std::lock_guard guard(mutex_);
  left_.insert(settled.again.begin(), settled.again.end());
  for (const auto& judged : group) {
    if (!committed) left_.insert(judged.drop.camera);
    forget(judged.drop);
  }
  static_cast<void>(::eventfd_write(room_.get(), 1));
  changed_.notify_all();
}

std::vector<CameraId> Pipeline::take_left() {
  const std::lock_guard guard(mutex_);
  const auto left = std::exchange(left_, {});
  return {left.begin(), left.end()};
}

std::vector<Pipeline::Staying> Pipeline::take_staying(const CameraId& camera) {
  const std::lock_guard guard(mutex_);
  std::vector<Staying> all;
  for (auto at = staying_.lower_bound({camera, ""}); at != staying_.end() && at->first.first == camera; at = staying_.erase(at)) all.push_back({at->first.second, at->second});
  return all;
}

void Pipeline::run_lane() {
  try {
    Lane lane{Verifier(context_.settings, log_), server::SignerCache(registry_)};
    while (auto drop = next_drop()) {
      judge_one(std::move(*drop), lane);
      stepped();
      const std::lock_guard guard(mutex_);
      --in_lanes_;
      changed_.notify_all();
    }
  } catch (...) {
    fail();
  }
}

// ---- commit ---------------------------------------------------------------------------------------------------------------------------

// What is ready, up to the group's limits. Waits a little for more only while more is on its way: a lone picture goes at once.
std::vector<JudgedDrop> Pipeline::next_group() {
  std::unique_lock guard(mutex_);
  const auto nothing_left = [this] { return failure_ || (ending_ && waiting_.empty() && in_lanes_ == 0 && judged_.empty()); };
  const auto full = [this] { return judged_.size() >= context_.settings.group_files || (waiting_.empty() && in_lanes_ == 0); };
  // Another committer may have taken all of it meanwhile.
  do {
    changed_.wait(guard, [&] { return nothing_left() || !judged_.empty(); });
    changed_.wait_for(guard, std::chrono::milliseconds(context_.settings.group_wait_ms), [&] { return failure_ || full(); });
  } while (judged_.empty() && !nothing_left());
  std::vector<JudgedDrop> group;
  std::uint64_t octets = 0, envelopes = 0;
  while (!judged_.empty() && group.size() < context_.settings.group_files && octets < context_.settings.group_bytes && envelopes < kMostEnvelopes) {
    auto& next = judged_.front();
    octets += next.drop.size;
    envelopes += next.envelopes.size();
    group.push_back(std::move(next));
    judged_.pop();
  }
  return group;
}

// False: it is the end.
bool Pipeline::pause() {
  stepped();
  std::unique_lock guard(mutex_);
  return !changed_.wait_for(guard, kTroublePause, [this] { return ending_; });
}

// What may have been linked gets its row before anything else is committed, or the next try would store it a second time.
void Pipeline::recover(Verifier& verifier) {
  const std::lock_guard one_at_a_time(recovering_);
  while (committer_.is_broken() && pause()) try {
      return committer_.recover(judge_with(verifier, custodians_));
    } catch (const Error& error) {
      log_.error(LogLine("trouble").sentence("reason", error.what()));
    }
}

// A full disk or a busy index is no reason to die: the drops are where they were, and are taken afresh. Never what was written for the group that
// failed: after a failed sync the kernel may have dropped it.
bool Pipeline::try_to(const std::function<bool()>& step) {
  try {
    return step();
  } catch (const Error& error) {
    if (patience_ == Patience::give_up) throw;
    log_.error(LogLine("trouble").sentence("reason", error.what()));
    return false;
  }
}

void Pipeline::run_committer() {
  try {
    Verifier verifier(context_.settings, log_);  // for adoption; its process starts when first asked
    for (;;) {
      auto group = next_group();
      if (group.empty()) return;
      std::optional<Committer::Settled> settled;
      const bool committed = try_to([&] { return (settled = committer_.commit(group)).has_value(); });
      if (!committed) recover(verifier);
      make_room(group);
      if (committed) committer_.remove(*settled);
      stepped();
      forget(group, committed, settled.value_or(Committer::Settled{}));
    }
  } catch (...) {
    fail();
  }
}

// ---- cameras that wait ----------------------------------------------------------------------------------------------------------------

void Pipeline::mend(bool now) {
  const std::lock_guard guard(mutex_);
  if (!now && monotonic_ms() - mended_ < kMendPauseMs) return;
  mended_ = monotonic_ms();
  must_mend_ = true;
  changed_.notify_all();
}

void Pipeline::run_mender() {
  try {
    Verifier verifier(context_.settings, log_);
    std::unique_lock guard(mutex_);
    for (;;) {
      changed_.wait(guard, [this] { return must_mend_ || ending_ || failure_; });
      if (ending_ || failure_) return;
      must_mend_ = false;
      guard.unlock();
      const auto waiting = troubles_.waiting();
      static_cast<void>(try_to([&] { return committer_.mend(judge_with(verifier, custodians_)), true; }));
      guard.lock();
      for (const auto& camera : waiting)
        if (!troubles_.waits(camera)) left_.insert(camera);
      static_cast<void>(::eventfd_write(room_.get(), 1));
    }
  } catch (...) {
    fail();
  }
}

}  // namespace shutterseal::ingestd
