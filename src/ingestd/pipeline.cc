// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/pipeline.h"

#include <algorithm>
#include <chrono>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"

namespace shutterseal::ingestd {

static constexpr std::uint64_t kMostOctets = std::uint64_t{24} << 20;  // on their way; one drop may be larger
static constexpr std::size_t kMostDrops = 256;  // each is a descriptor
static constexpr std::size_t kMostEnvelopes = 1024;  // in a group, and as many of one more drop: each is an open file until the group is committed
static constexpr std::size_t kShareOfOne = 6, kWeightOfRefusal = 3;  // in drops
static constexpr std::int64_t kSharedMs = 10'000;
static constexpr auto kStopInterval = std::chrono::milliseconds(200);
static constexpr std::int64_t kLongestStepMs = 60 * 1000;
static constexpr auto kTroublePause = std::chrono::seconds(5);

// ---- adoption -------------------------------------------------------------------------------------------------------------------------

server::JudgeOne judge_with(Verifier& verifier, const std::vector<Ski>& custodians) {
  return [&verifier, &custodians](ByteView bytes, const CameraId& camera, const std::vector<server::Signer>& signers) {
    const auto judged = verifier.judge(Snapshot::of(bytes), camera, signers, custodians);
    // Evidence holds one envelope a file: two would mean that somebody wrote there.
    return judged.size() == 1 ? judged.front() : envelope::Judged{};
  };
}

// ---- the queue --------------------------------------------------------------------------------------------------------------

Pipeline::Pipeline(const Context& context, const registry::Registry& registry, Committer& committer, const Log& log, Patience patience,
                   std::function<bool()> stop)
    : context_(context),
      registry_(registry),
      committer_(committer),
      log_(log),
      patience_(patience),
      stop_(std::move(stop)),
      custodians_(server::skis_of(server::read_certificates(context.paths.custodians))) {
  for (std::uint64_t i = 0; i < context.settings.workers; ++i) threads_.emplace_back([this] { run_lane(); });
  threads_.emplace_back([this] { run_committer(); });
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

bool Pipeline::has_share(const CameraId& camera) const {
  const std::lock_guard guard(mutex_);
  const auto share = shares_.find(camera);
  return share == shares_.end() || (share->second.files < context_.settings.pending_files && share->second.octets < context_.settings.pending_bytes);
}

void Pipeline::put(Drop drop) {
  std::unique_lock guard(mutex_);
  const auto size = drop.snapshot.view().size();
  const auto has_room = [&] { return failure_ || known_.empty() || (octets_ + size <= kMostOctets && known_.size() < kMostDrops); };
  while (!changed_.wait_for(guard, kStopInterval, has_room))
    if (stop_()) return;
  if (on_their_way_++ == 0) stepped();
  octets_ += size;
  known_.emplace(drop.camera, drop.name);
  auto& share = shares_[drop.camera];
  ++share.files;
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

// A camera whose registry files are broken stops alone (fail closed): its drop stays where it is.
void Pipeline::judge_one(Drop drop, Verifier& verifier, server::SignerCache& cache) {
  try {
    auto signers = cache.of(drop.camera);
    auto envelopes = verifier.judge(drop.snapshot, drop.camera, signers, custodians_);
    const std::lock_guard guard(mutex_);
    const auto camera = drop.camera;
    judged_.put(camera, {std::move(drop), std::move(envelopes), std::move(signers)});
  } catch (const Error& error) {
    log_.error(LogLine("trouble").field("camera", drop.camera.text()).sentence("reason", error.what()));
    const std::lock_guard guard(mutex_);
    forget(drop);
  }
}

void Pipeline::forget(const Drop& drop) {
  --on_their_way_;
  octets_ -= drop.snapshot.view().size();
  const auto share = shares_.find(drop.camera);
  share->second.octets -= drop.snapshot.view().size();
  if (--share->second.files == 0) shares_.erase(share);
  known_.erase({drop.camera, drop.name});
}

void Pipeline::run_lane() {
  try {
    Verifier verifier(context_.settings, log_);
    server::SignerCache cache(registry_);
    while (auto drop = next_drop()) {
      judge_one(std::move(*drop), verifier, cache);
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

// Evidence is synced by the group, quarantine drop by drop.
static std::size_t weight_of(const JudgedDrop& judged) {
  const auto is_bad = [](const envelope::Judged& one) { return is_refused(one.verdict); };
  return std::any_of(judged.envelopes.begin(), judged.envelopes.end(), is_bad) ? kWeightOfRefusal : 1;
}

// What is ready, up to the group's limits. Waits a little for more only while more is on its way: a lone picture goes at once.
std::vector<JudgedDrop> Pipeline::next_group() {
  std::unique_lock guard(mutex_);
  const auto nothing_left = [this] { return failure_ || (ending_ && waiting_.empty() && in_lanes_ == 0 && judged_.empty()); };
  changed_.wait(guard, [&] { return nothing_left() || !judged_.empty(); });
  const auto full = [this] { return judged_.size() >= context_.settings.group_files || (waiting_.empty() && in_lanes_ == 0); };
  changed_.wait_for(guard, std::chrono::milliseconds(context_.settings.group_wait_ms), [&] { return failure_ || full(); });
  std::vector<JudgedDrop> group;
  std::map<CameraId, std::size_t> shares;
  const auto share = share_of_one();
  std::uint64_t octets = 0, envelopes = 0;
  while (!judged_.empty() && group.size() < context_.settings.group_files && octets < context_.settings.group_bytes && envelopes < kMostEnvelopes) {
    auto& next = judged_.front();
    // Whoever is next in a round robin had as many turns as the others, so none of them is left behind.
    auto& taken = shares[next.drop.camera];
    if (taken >= share) break;
    taken += weight_of(next);
    octets += next.drop.snapshot.view().size();
    envelopes += next.envelopes.size();
    group.push_back(std::move(next));
    judged_.pop();
  }
  note_cameras(group);
  return group;
}

// A picture waits for the group that is being committed when it comes. While several cameras send, a flood of one gets small groups.
std::size_t Pipeline::share_of_one() const noexcept { return monotonic_ms() < shared_until_ ? kShareOfOne : SIZE_MAX; }

void Pipeline::note_cameras(const std::vector<JudgedDrop>& group) {
  for (const auto& judged : group) {
    if (last_camera_ && *last_camera_ != judged.drop.camera) shared_until_ = monotonic_ms() + kSharedMs;
    last_camera_ = judged.drop.camera;
  }
}

// A full disk or a busy index is no reason to die: the drops are where they were. What may have been linked gets its row first, or the next
// try would store it a second time.
void Pipeline::take_over(const std::vector<JudgedDrop>& group, Verifier& verifier) {
  for (bool again = false;; again = true) {
    try {
      if (again) committer_.adopt(judge_with(verifier, custodians_));
      return committer_.commit(group);
    } catch (const Error& error) {
      if (patience_ == Patience::give_up) throw;
      log_.error(LogLine("trouble").sentence("reason", error.what()));
      stepped();
      std::unique_lock guard(mutex_);
      if (changed_.wait_for(guard, kTroublePause, [this] { return ending_; })) return;  // they wait for the next start
    }
  }
}

void Pipeline::run_committer() {
  try {
    Verifier verifier(context_.settings, log_);  // for adoption; its process starts when first asked
    for (;;) {
      const auto group = next_group();
      if (group.empty()) return;
      take_over(group, verifier);
      stepped();
      const std::lock_guard guard(mutex_);
      for (const auto& judged : group) forget(judged.drop);
      changed_.notify_all();
    }
  } catch (...) {
    fail();
  }
}

}  // namespace shutterseal::ingestd
