// SPDX-License-Identifier: Apache-2.0
// Groups that are committed side by side: each envelope once, and nothing of a group that rests on one that failed.
#include <doctest/doctest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/ingestd/commit.h"
#include "test/unit/envelope_world.h"
#include "test/unit/scratch.h"

namespace shutterseal::ingestd {

static constexpr TimeMs kReceived = 1'800'000'000'500;

struct CommitWorld {
  Scratch scratch;
  envelope::TestWorld keys;
  envelope::Sealer sealer = keys.sealer();
  CameraId id = *CameraId::parse("101");
  Context context{{}, server_paths(scratch.path), {}};
  registry::Registry registry{made(context.paths.cameras)};
  Log log{"test", true, LogLevel::error};
  Digest receipt_pin;
  Troubles troubles{context.paths.waiting, log};
  std::unique_ptr<Committer> committer;
  std::vector<server::Signer> signers{server::signer_of(keys.camera)};

  CommitWorld() {
    registry.enrol({.id = id, .uid = 1, .enrolled = 1, .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = {}, .networks = {}, .services = {}},
                   "key", keys.camera.fingerprint.hex(), keys.camera.to_pem());
    const auto key = envelope::PrivateKey::generate();
    const auto certificate = envelope::issue_certificate({envelope::Role::receipt, "receipts", key.public_point(), envelope::kBegin, envelope::kEnd}, key, nullptr);
    receipt_pin = certificate.fingerprint;
    const auto pem = key.to_pem(Secret());
    std::ofstream(context.paths.receipt_key) << as_text(pem) << certificate.to_pem();
    for (const auto* dir : {"/incoming", "/receipts"}) made(context.paths.drop + "/cam-101" + dir);
    for (const auto& dir : {context.paths.state_dir, context.paths.void_dir, context.paths.quarantine}) made(dir);
    committer = std::make_unique<Committer>(context, registry, troubles, log);
    adopt();
  }
  static std::string made(const std::string& path) {
    std::filesystem::create_directories(path);
    return path;
  }
  static envelope::Judged judge_nothing(ByteView, const CameraId&, const std::vector<server::Signer>&) { return {}; }
  // By content, as a verifier would.
  [[nodiscard]] server::JudgeOne judge() const {
    return [this](ByteView octets, const CameraId& camera, const std::vector<server::Signer>& all) {
      envelope::Judge one;
      return one.envelope(octets, camera.text(), server::keys_of(all), {&keys.custodian.ski, 1});
    };
  }
  void adopt() { committer->adopt(judge_nothing); }
  void begin_anew() {
    committer.reset();
    committer = std::make_unique<Committer>(context, registry, troubles, log);
    committer->adopt(judge());
  }
  std::optional<Committer::Settled> commit(const JudgedDrop& drop) const {
    std::vector<JudgedDrop> group;
    group.push_back({{drop.drop.camera, drop.drop.name, drop.drop.received_at, 0, 0, drop.drop.size, Fd(), false, drop.drop.unchanged_since}, drop.envelopes, drop.signers, {}, drop.octets});
    settled_group = std::move(group);
    return committer->commit(settled_group);
  }
  mutable std::vector<JudgedDrop> settled_group;  // what the answer points into
  [[nodiscard]] std::optional<ledger::Row> row_of(const Digest& digest) const { return ledger::Index(context.paths.index, ledger::Access::read_only).find_digest(digest); }
  [[nodiscard]] std::string file_of(const Digest& digest) const { return context.paths.evidence + "/" + row_of(digest)->location; }
  [[nodiscard]] JudgedDrop drop_of(const envelope::Sealed& sealed, std::uint64_t sequence, TimeMs received) const {
    envelope::Judged judged;
    judged.verdict = Verdict::accepted;
    judged.size = sealed.size;
    judged.digest = sealed.digest;
    judged.certificate = keys.camera.fingerprint;
    judged.passage = envelope::test_passage(sequence);
    const auto view = sealed.view();
    return {{id, "drop", received, 0, 0, sealed.size, Fd(), false}, {judged}, signers, {}, Bytes(view.begin(), view.end())};
  }
  [[nodiscard]] envelope::Sealed seal(std::uint64_t sequence) const { return seal_test(sealer, envelope::test_passage(sequence), envelope::random_octets(1000)); }
  [[nodiscard]] bool is_receipted(std::uint64_t sequence, const Digest& digest) const {
    const auto file = read_file(context.paths.drop + "/cam-101/receipts/receipt.p7m", envelope::kLargestReceipt);
    const auto reading = envelope::read_receipt(file, id, std::span(&receipt_pin, 1));
    if (!reading.value) return false;
    return std::any_of(reading.value->runs.begin(), reading.value->runs.end(),
                       [&](const envelope::Run& run) { return run.last == sequence && run.last_digest == digest; });
  }
  [[nodiscard]] std::size_t stored() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(context.paths.evidence)) if (entry.is_regular_file()) ++count;
    return count;
  }
};

TEST_CASE("the same envelope in groups that are committed at the same time is stored once") {
  CommitWorld world;
  for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) {
    const auto sealed = world.seal(sequence);
    std::atomic<int> committed{0};
    const auto commit = [&](TimeMs received) {
      std::vector<JudgedDrop> group;
      group.push_back(world.drop_of(sealed, sequence, received));
      if (world.committer->commit(group)) ++committed;
    };
    std::thread other([&] { commit(kReceived + 1); });
    commit(kReceived);
    other.join();
    CHECK(committed == 2);
    CHECK(world.stored() == sequence);
  }
}

TEST_CASE("no group is settled before a receipt speaks of it, and no receipt is replaced by an older one") {
  CommitWorld world;
  constexpr std::uint64_t kThreads = 4, kEach = 25;
  std::atomic<int> unspoken{0};
  const auto commit_some = [&](std::uint64_t first) {
    for (auto sequence = first; sequence < first + kEach; ++sequence) {
      const auto sealed = world.seal(sequence);
      std::vector<JudgedDrop> group;
      group.push_back(world.drop_of(sealed, sequence, kReceived));
      const auto settled = world.committer->commit(group);
      if (!settled || settled->drops.size() != 1 || !world.is_receipted(sequence, sealed.digest)) ++unspoken;
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kThreads; ++i) threads.emplace_back(commit_some, 1 + i * kEach);
  for (auto& thread : threads) thread.join();
  CHECK(unspoken == 0);
  CHECK(world.stored() == kThreads * kEach);
}

// One descriptor is left while it lives, for the registry's files, and none for a folder's and its own: what this process lacks is no camera's trouble.
class OneDescriptor {
 public:
  OneDescriptor() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const Fd free(::dup(0));
    REQUIRE(free);
    auto one = before_;
    one.rlim_cur = static_cast<rlim_t>(free.get()) + 1;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &one) == 0);
  }
  ~OneDescriptor() { static_cast<void>(::setrlimit(RLIMIT_NOFILE, &before_)); }
  OneDescriptor(const OneDescriptor&) = delete;
  OneDescriptor& operator=(const OneDescriptor&) = delete;

 private:
  struct rlimit before_ {};
};

TEST_CASE("a camera whose drop cannot be removed waits, so that it is not tried without end, and the others do not") {
  CommitWorld world;
  const auto drop = world.drop_of(world.seal(1), 1, kReceived);
  const auto settled = world.commit(drop);
  REQUIRE(settled);
  const auto incoming = world.context.paths.drop + "/cam-101/incoming";
  std::filesystem::remove(incoming);
  world.committer->remove(*settled);
  CHECK(world.troubles.waits(world.id));
  CHECK_FALSE(world.committer->is_broken());
  REQUIRE(world.commit(drop));
  world.committer->mend(world.judge());
  CHECK(world.troubles.waits(world.id));
  CommitWorld::made(incoming);
  world.committer->mend(world.judge());
  CHECK(world.troubles.is_tried(world.id));
  const auto again = world.commit(drop);
  REQUIRE(again);
  CHECK(again->drops.size() == 1);
  world.committer->remove(*again);
  CHECK_FALSE(world.troubles.is_tried(world.id));
  CHECK(world.stored() == 1);
}

TEST_CASE("an event that was put into evidence and has no row is alerted when it is adopted") {
  CommitWorld world;
  auto passage = envelope::test_passage(1);
  passage.kind = envelope::Kind::event;
  passage.note = "tamper";
  const auto sealed = seal_test(world.sealer, passage, as_bytes("text"));
  world.committer->catch_up();
  REQUIRE(world.commit(world.drop_of(world.seal(3), 3, kReceived)));
  static_cast<void>(evidence::open_directory_store(world.context.paths.evidence)->put({{world.id, passage.chain, 1, sealed.digest, kReceived + 7, sealed.view()}}));
  world.troubles.wait(world.id, "it failed");
  world.committer->mend(world.judge());
  CHECK(world.row_of(sealed.digest));
  world.committer.reset();  // which notes up to where all was alerted
  const auto content = read_file(world.context.paths.alarms, kLargestTextFile);
  CHECK(as_text(content).find("handled = " + std::to_string(kReceived + 7) + "\n") != std::string::npos);
}

TEST_CASE("after a group that failed none is committed before recovery, which finds what it left") {
  CommitWorld world;
  REQUIRE(world.commit(world.drop_of(world.seal(1), 1, kReceived)));
  const auto failed = world.drop_of(world.seal(2), 2, kReceived + 3'600'000);  // in a folder that is not open
  {
    const OneDescriptor one;
    CHECK_THROWS_AS(static_cast<void>(world.commit(failed)), Error);
  }
  CHECK(world.committer->is_broken());
  CHECK_FALSE(world.troubles.waits(world.id));
  CHECK_FALSE(world.commit(world.drop_of(world.seal(3), 3, kReceived)));
  CHECK(world.stored() == 1);
  const auto& one = failed.envelopes.front();
  static_cast<void>(evidence::open_directory_store(world.context.paths.evidence)
                        ->put({{world.id, one.passage.chain, 2, one.digest, failed.drop.received_at, ByteView(failed.octets)}}));
  world.committer->recover(world.judge());
  CHECK(world.row_of(one.digest));
  const auto again = world.commit(failed);
  REQUIRE(again);
  CHECK(again->drops.size() == 1);
  CHECK(world.stored() == 2);
}

TEST_CASE("what a crash left is found at the next start however long its drop had waited, and is not stored again") {
  CommitWorld world;
  REQUIRE(world.commit(world.drop_of(world.seal(2), 2, kReceived)));
  const auto older = world.drop_of(world.seal(1), 1, kReceived);
  const auto& one = older.envelopes.front();
  const auto had = kReceived - 5 * 3600'000;
  static_cast<void>(evidence::open_directory_store(world.context.paths.evidence)->put({{world.id, one.passage.chain, 1, one.digest, had, ByteView(older.octets)}}));
  world.begin_anew();
  const auto row = world.row_of(one.digest);
  REQUIRE(row);
  CHECK(row->received_at == had);
  // By a clock that was set back in between it would have another name.
  const auto again = world.commit(older);
  REQUIRE(again);
  CHECK(again->drops.size() == 1);
  CHECK(world.stored() == 2);
}

TEST_CASE("a draft in the folder of another hour is stored where its drop belongs") {
  CommitWorld world;
  const auto sealed = world.seal(3);
  auto drop = world.drop_of(sealed, 3, kReceived);
  drop.drop.unchanged_since = kReceived - 5 * 3600'000;
  std::vector<JudgedDrop> group;
  group.push_back(std::move(drop));
  group[0].drafts.push_back(world.committer->draft(world.id, kReceived, sealed.view()));
  REQUIRE(world.committer->commit(group));
  CHECK(world.stored() == 1);
  CHECK(world.row_of(sealed.digest)->received_at == kReceived - 5 * 3600'000);
}

// ---- one camera's trouble --------------------------------------------------------------------------------------------------------------

struct TwoCameras : CommitWorld {
  CameraId other = *CameraId::parse("102");
  envelope::PrivateKey other_key = envelope::PrivateKey::generate();
  envelope::Certificate other_certificate = keys.make(envelope::Role::camera, "cam-102", other_key);
  envelope::Sealer other_sealer{envelope::PrivateKey::from_pem(other_key.to_pem(Secret()), Secret(), "a key"), other_certificate, {keys.custodian}};

  TwoCameras() {
    registry.enrol({.id = other, .uid = 2, .enrolled = 1, .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = {}, .networks = {}, .services = {}},
                   "key", other_certificate.fingerprint.hex(), other_certificate.to_pem());
    for (const auto* dir : {"/incoming", "/receipts"}) made(context.paths.drop + "/cam-102" + dir);
  }
  [[nodiscard]] JudgedDrop others_drop(std::uint64_t sequence) const {
    auto passage = envelope::test_passage(sequence);
    passage.camera = "102";
    passage.chain.octets.fill(0x22);
    const auto sealed = seal_test(other_sealer, passage, envelope::random_octets(1000));
    auto drop = drop_of(sealed, sequence, kReceived);
    drop.drop.camera = other;
    drop.signers = {server::signer_of(other_certificate)};
    drop.envelopes.front().certificate = other_certificate.fingerprint;
    drop.envelopes.front().passage = passage;
    return drop;
  }
  // A group of both: how many drops of each are settled.
  std::pair<std::size_t, std::size_t> commit_both(std::uint64_t sequence, const std::function<void(JudgedDrop&)>& change = {}) {
    std::vector<JudgedDrop> group;
    group.push_back(drop_of(seal(sequence), sequence, kReceived));
    if (change) change(group.front());
    group.push_back(others_drop(sequence));
    const auto settled = committer->commit(group);
    REQUIRE(settled);
    const auto of = [&](const CameraId& camera) {
      return static_cast<std::size_t>(std::count_if(settled->drops.begin(), settled->drops.end(), [&](const JudgedDrop* one) { return one->drop.camera == camera; }));
    };
    return {of(id), of(other)};
  }
};

using Counts = std::pair<std::size_t, std::size_t>;

TEST_CASE("a camera whose place takes nothing waits alone, whatever is wrong, and goes on when it is mended") {
  TwoCameras world;
  const auto place = world.context.paths.evidence + "/cam-101";
  const auto receipts = receipts_path(world.context.paths, world.id);
  const auto quarantine = world.context.paths.quarantine + "/cam-101";
  std::uint64_t sequence = 0;
  const auto trial = [&](const std::function<void()>& break_it, const std::function<void()>& mend, const std::function<void(JudgedDrop&)>& change = {}) {
    break_it();
    CHECK(world.commit_both(++sequence, change) == Counts{0, 1});
    CHECK(world.troubles.waits(world.id));
    CHECK_FALSE(world.troubles.waits(world.other));
    CHECK(world.commit_both(++sequence) == Counts{0, 1});
    world.committer->mend(world.judge());
    CHECK(world.troubles.waits(world.id));
    mend();
    world.committer->mend(world.judge());
    CHECK_FALSE(world.troubles.waits(world.id));
    CHECK(world.commit_both(++sequence) == Counts{1, 1});
  };
  const auto file_at = [](const std::string& path) {
    return std::pair{std::function([path] { std::filesystem::remove_all(path); std::ofstream(path) << "x"; }), std::function([path] { std::filesystem::remove(path); })};
  };
  const auto evidence = file_at(place);
  trial(evidence.first, evidence.second);
  std::filesystem::rename(receipts, receipts + "-gone");
  trial([] {}, [&] { std::filesystem::rename(receipts + "-gone", receipts); });
  const auto refused = file_at(quarantine);
  trial(refused.first, refused.second, [](JudgedDrop& drop) { drop.envelopes.front().verdict = Verdict::malformed; });
}

TEST_CASE("a row is no evidence: before a duplicate is receipted its file is looked for, and put back where it is gone or damaged") {
  CommitWorld world;
  REQUIRE(world.commit(world.drop_of(world.seal(1), 1, kReceived)));
  const auto drop = world.drop_of(world.seal(2), 2, kReceived);
  const auto digest = drop.envelopes.front().digest;
  REQUIRE(world.commit(drop));
  const auto file = world.file_of(digest);
  std::filesystem::remove(file);
  REQUIRE(world.commit(drop));
  CHECK(world.stored() == 2);
  CHECK(world.file_of(digest) == file);
  CHECK(read_file(file, 1 << 20) == drop.octets);
  std::filesystem::resize_file(file, 7);
  REQUIRE(world.commit(drop));
  CHECK(world.stored() == 3);  // what is damaged stays where it is
  CHECK(world.file_of(digest) != file);
  CHECK(read_file(world.file_of(digest), 1 << 20) == drop.octets);
  const auto settled = world.commit(drop);
  REQUIRE(settled);
  CHECK(settled->drops.size() == 1);
  CHECK(world.stored() == 3);
}

TEST_CASE("evidence of one camera that is not there makes it wait, without a receipt; of all of them it stops the daemon") {
  TwoCameras world;
  CHECK(world.commit_both(1) == Counts{1, 1});
  const auto place = world.context.paths.evidence + "/cam-101";
  std::filesystem::rename(place, place + "-away");
  world.begin_anew();
  CHECK(world.troubles.waits(world.id));
  CHECK_FALSE(world.troubles.waits(world.other));
  const auto receipt = receipts_path(world.context.paths, world.id) + "/" + kReceiptName;
  const auto before = read_file(receipt, envelope::kLargestReceipt);
  CHECK(world.commit_both(2) == Counts{0, 1});
  CHECK(read_file(receipt, envelope::kLargestReceipt) == before);
  CHECK_FALSE(std::filesystem::exists(place));
  std::filesystem::rename(place + "-away", place);
  world.committer->mend(world.judge());
  CHECK(world.commit_both(3) == Counts{1, 1});
  std::filesystem::rename(world.context.paths.evidence, world.scratch / "away");
  CHECK_THROWS_AS(world.begin_anew(), Error);
}

TEST_CASE("a single file that is gone leaves the runs, so that no receipt speaks of it") {
  TwoCameras world;
  REQUIRE(world.commit(world.others_drop(1)));
  std::vector<Digest> digests;
  auto passage = envelope::test_passage(1);
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    passage.sequence = sequence;
    if (!digests.empty()) passage.previous = digests.back();
    const auto sealed = seal_test(world.sealer, passage, envelope::random_octets(100));
    auto drop = world.drop_of(sealed, sequence, kReceived);
    drop.envelopes.front().passage = passage;
    digests.push_back(sealed.digest);
    REQUIRE(world.commit(drop));
  }
  CHECK(world.is_receipted(3, digests[2]));
  std::filesystem::remove(world.file_of(digests[2]));
  world.begin_anew();
  CHECK_FALSE(world.troubles.waits(world.id));
  CHECK_FALSE(world.row_of(digests[2]));
  REQUIRE(world.commit(world.drop_of(world.seal(9), 9, kReceived)));
  CHECK(world.is_receipted(2, digests[1]));
  CHECK_FALSE(world.is_receipted(3, digests[2]));
}

static std::uint64_t number_of(const CommitWorld& world) {
  const auto file = read_file(receipts_path(world.context.paths, world.id) + "/" + kReceiptName, envelope::kLargestReceipt);
  return envelope::read_receipt(file, world.id, std::span(&world.receipt_pin, 1)).value->number;
}

TEST_CASE("receipts' numbers grow from the last one, which lies in the receipt when the index is lost, whatever the clock says") {
  CommitWorld world;
  REQUIRE(world.commit(world.drop_of(world.seal(1), 1, kReceived)));
  const auto first = number_of(world);
  {
    // As after a clock that stood in a far future.
    ledger::Index index(world.context.paths.index, ledger::Access::read_write);
    index.begin();
    index.raise_receipt_number(world.id, first * 2);
    index.commit();
  }
  REQUIRE(world.commit(world.drop_of(world.seal(2), 2, kReceived)));
  CHECK(number_of(world) == first * 2 + 1);
  world.committer.reset();
  std::filesystem::remove(world.context.paths.index);
  world.begin_anew();
  REQUIRE(world.commit(world.drop_of(world.seal(3), 3, kReceived)));
  CHECK(number_of(world) == first * 2 + 2);
}

}  // namespace shutterseal::ingestd
