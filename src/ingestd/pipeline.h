// SPDX-License-Identifier: Apache-2.0
// The threads: intake (the caller's) -> one lane a verifier -> committers. Bounded by octets and number, so that a flood fills the drop
// directories and neither memory nor the table of descriptors; and by camera, so that a flood of one leaves room for the others.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "src/ingestd/commit.h"
#include "src/ingestd/fair_queue.h"
#include "src/ingestd/fair_share.h"
#include "src/ingestd/verify.h"

namespace shutterseal::ingestd {

// What to do when a commit fails as a whole (disk full, index busy): wait and try again, or give up with the Error (--once).
enum class Patience { wait, give_up };

class Pipeline {
 public:
  // `stop` is asked while put() waits: a full disk must not keep SIGTERM waiting.
  Pipeline(const Context& context, const registry::Registry& registry, Committer& committer, Troubles& troubles, const Log& log, Patience patience,
           std::function<bool()> stop);
  ~Pipeline();  // finishes what it has

  [[nodiscard]] bool knows(const CameraId& camera, const std::string& name) const;  // on its way already
  // Less of this camera is on its way than pending-files and pending-bytes say, or than FairShare does.
  [[nodiscard]] bool has_share(const CameraId& camera) const;
  // No more than half of that: a look into its directory, which costs more than a drop, will be worth it.
  [[nodiscard]] bool is_due_for_more(const CameraId& camera) const;
  // Until a camera may have its next drop, that rests behind its last one: `longest` if there is none.
  [[nodiscard]] std::int64_t shortest_rest(std::int64_t longest) const;
  // Readable when something left the pipeline since the last note_room(): a camera's share may have room again.
  [[nodiscard]] int room_fd() const noexcept { return room_.get(); }
  void note_room() noexcept;
  // Cameras with drops that could not be committed: they are to be taken afresh.
  [[nodiscard]] std::vector<CameraId> take_left();
  // Looks again at the cameras that wait, beside all else; those that may be tried are among take_left() then. Not twice within a moment, unless `now`.
  void mend(bool now);
  // Waits while too much is on its way; told to stop, it leaves the drop where it is. `is_of_few`: the drop directory held no more than FairShare::kFew.
  void put(Drop drop, bool is_of_few);
  // For whoever moves a drop: nothing while it is on its way, and put() leaves it alone while this lives.
  class Claim {
   public:
    Claim(Pipeline& pipeline, std::pair<CameraId, std::string> drop) : pipeline_(&pipeline), drop_(std::move(drop)) {}
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    Pipeline* pipeline_;
    std::pair<CameraId, std::string> drop_;
  };
  [[nodiscard]] std::unique_ptr<Claim> reserve(const CameraId& camera, const std::string& name);
  void wait_until_empty();
  // Those of this camera that stay where they are, and why. Each is told once.
  struct Staying {
    std::string name;
    const char* why;  // "changing": it was not the size it had, somebody still writes; "unreadable": the disk says so
  };
  [[nodiscard]] std::vector<Staying> take_staying(const CameraId& camera);
  void check();            // throws what a thread of it threw
  // Nothing is on its way, or a step ended within the last minute (a step that failed and will be tried again counts). May be asked at any time.
  [[nodiscard]] bool is_moving() const noexcept;

 private:
  void run_lane();
  struct Lane;
  void judge_one(Drop drop, Lane& lane);
  void refuse_unjudged(Drop& drop);
  void keep_octets(JudgedDrop& judged, ByteView octets);
  [[nodiscard]] bool may_draft(const JudgedDrop& judged);
  void make_room(const Drop& drop);  // with the mutex held: for others, while this one is still known
  void make_room(std::vector<JudgedDrop>& group);  // lets go of its octets, too
  void forget(const Drop& drop);  // with the mutex held
  void forget(const std::vector<JudgedDrop>& group, bool committed, const Committer::Settled& settled);
  void run_committer();
  void run_mender();
  void stay(const Drop& drop, const char* why);
  [[nodiscard]] bool load(Drop& drop, Lane& lane);
  [[nodiscard]] std::optional<std::vector<server::Signer>> signers_of(const CameraId& camera, Lane& lane);
  [[nodiscard]] std::optional<Drop> next_drop();
  [[nodiscard]] std::vector<JudgedDrop> next_group();
  // With the mutex held.
  [[nodiscard]] bool has_less_than(const CameraId& camera, std::uint64_t files, std::uint64_t octets) const;
  [[nodiscard]] bool try_to(const std::function<bool()>& step);
  void recover(Verifier& verifier);
  [[nodiscard]] bool pause();
  void fail() noexcept;
  void stepped() noexcept;

  const Context& context_;
  const registry::Registry& registry_;
  Committer& committer_;
  Troubles& troubles_;
  const Log& log_;
  Patience patience_;
  std::function<bool()> stop_;
  std::vector<Ski> custodians_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  FairQueue<Drop> waiting_;
  FairQueue<JudgedDrop> judged_;
  struct Share {
    std::uint64_t files = 0, octets = 0;
    std::int64_t since = 0;  // when the first came
    bool is_of_few = false;  // so when the last came
  };
  FairShare fair_share_;
  std::map<CameraId, Share> shares_;  // of those that have something on its way
  std::set<std::pair<CameraId, std::string>> known_;
  std::uint64_t octets_ = 0;
  std::size_t pending_ = 0;  // of known_: without those that are but to be removed
  std::size_t in_lanes_ = 0, drafts_ = 0;
  std::map<std::pair<CameraId, std::string>, const char*> staying_;
  std::set<CameraId> left_;
  bool must_mend_ = false;
  std::int64_t mended_ = 0;  // when it was last looked at those who wait
  std::atomic<std::size_t> on_their_way_{0};
  std::atomic<std::int64_t> last_step_{0};
  bool ending_ = false;
  std::exception_ptr failure_;
  std::mutex recovering_;
  Fd room_;
  std::vector<std::thread> threads_;
};

// Judges one envelope of the store with a verifier: for adoption.
[[nodiscard]] server::JudgeOne judge_with(Verifier& verifier, const std::vector<Ski>& custodians);

}  // namespace shutterseal::ingestd
