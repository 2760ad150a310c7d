// SPDX-License-Identifier: Apache-2.0
// Groups that are committed side by side: each envelope once, and nothing of a group that rests on one that failed.
#include <doctest/doctest.h>

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
    committer = std::make_unique<Committer>(context, registry, log);
    adopt();
  }
  static std::string made(const std::string& path) {
    std::filesystem::create_directories(path);
    return path;
  }
  void adopt() {
    committer->adopt([](ByteView, const CameraId&, const std::vector<server::Signer>&) { return envelope::Judged{}; });
  }
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

TEST_CASE("a drop that cannot be removed stops all until adoption, so that it is not tried without end") {
  CommitWorld world;
  std::vector<JudgedDrop> group;
  group.push_back(world.drop_of(world.seal(1), 1, kReceived));
  const auto settled = world.committer->commit(group);
  REQUIRE(settled);
  const auto incoming = world.context.paths.drop + "/cam-101/incoming";
  std::filesystem::remove(incoming);
  CHECK_THROWS_AS(world.committer->remove(*settled), Error);
  CHECK_FALSE(world.committer->commit(group));
  CommitWorld::made(incoming);
  world.adopt();
  const auto again = world.committer->commit(group);
  REQUIRE(again);
  world.committer->remove(*again);
  CHECK(world.stored() == 1);
}

TEST_CASE("an event whose group failed after it was put into evidence is alerted when it is adopted") {
  CommitWorld world;
  auto passage = envelope::test_passage(1);
  passage.kind = envelope::Kind::event;
  passage.note = "tamper";
  const auto sealed = seal_test(world.sealer, passage, as_bytes("text"));
  auto event = world.drop_of(sealed, 1, kReceived + 7);
  event.envelopes.front().passage = passage;
  const auto judged = event.envelopes.front();
  auto bad = world.drop_of(world.seal(2), 2, kReceived);
  bad.envelopes.front().verdict = Verdict::malformed;
  world.committer->catch_up();
  std::vector<JudgedDrop> before, group;
  before.push_back(world.drop_of(world.seal(3), 3, kReceived));
  REQUIRE(world.committer->commit(before));
  group.push_back(std::move(event));
  group.push_back(std::move(bad));
  // The books fail behind the evidence.
  std::filesystem::remove_all(world.context.paths.quarantine);
  std::ofstream(world.context.paths.quarantine) << "no folder";
  CHECK_THROWS_AS(static_cast<void>(world.committer->commit(group)), Error);
  CHECK(world.stored() == 2);
  world.committer->adopt([&](ByteView, const CameraId&, const std::vector<server::Signer>&) { return judged; });
  world.committer.reset();  // which notes up to where all was alerted
  const auto content = read_file(world.context.paths.alarms, kLargestTextFile);
  CHECK(as_text(content).find("handled = " + std::to_string(kReceived + 7) + "\n") != std::string::npos);
}

TEST_CASE("after a group that failed none is committed before adoption") {
  CommitWorld world;
  std::vector<JudgedDrop> first, second;
  const auto sealed = world.seal(1);
  first.push_back(world.drop_of(sealed, 1, kReceived));
  // Its name is taken by something else.
  REQUIRE(world.committer->commit(first));
  const auto place = std::filesystem::recursive_directory_iterator(world.context.paths.evidence);
  std::filesystem::path file;
  for (const auto& entry : place)
    if (entry.is_regular_file()) file = entry.path();
  const auto spoilt = world.seal(2);
  const auto name = file.filename().string();
  const auto taken = name.substr(0, name.find('-')) + name.substr(name.find('-'), 9) + "-2-" + spoilt.digest.hex().substr(0, 16) + ".p7m";
  std::ofstream(file.parent_path() / taken) << "other octets";
  first.clear();
  first.push_back(world.drop_of(spoilt, 2, kReceived));
  CHECK_THROWS_AS(static_cast<void>(world.committer->commit(first)), Error);
  CHECK(world.committer->is_broken());
  second.push_back(world.drop_of(world.seal(3), 3, kReceived));
  CHECK_FALSE(world.committer->commit(second));
  CHECK(world.stored() == 2);
  world.adopt();
  CHECK(world.committer->commit(second));
  CHECK(world.stored() == 3);
}

TEST_CASE("what waited for hours before a crash gets its row by its drop, under the same name") {
  CommitWorld world;
  std::vector<JudgedDrop> newer, older;
  newer.push_back(world.drop_of(world.seal(2), 2, kReceived));
  REQUIRE(world.committer->commit(newer));
  const auto sealed = world.seal(1);
  older.push_back(world.drop_of(sealed, 1, kReceived));
  const auto uploaded = older[0].drop.unchanged_since = kReceived - 5 * 3600'000;
  const auto& passage = older[0].envelopes[0].passage;
  static_cast<void>(evidence::open_directory_store(world.context.paths.evidence)
                        ->put({{world.id, passage.chain, passage.sequence, sealed.digest, uploaded, sealed.view()}}));
  world.adopt();
  CHECK_FALSE(ledger::Index(world.context.paths.index, ledger::Access::read_only).find_digest(sealed.digest));
  older[0].drafts.push_back(world.committer->draft(world.id, kReceived, sealed.view()));  // in the folder of another hour
  REQUIRE(world.committer->commit(older));
  CHECK(world.stored() == 2);
  const auto row = ledger::Index(world.context.paths.index, ledger::Access::read_only).find_digest(sealed.digest);
  REQUIRE(row);
  CHECK(row->received_at == uploaded);
  const auto fresh = world.seal(3);
  newer.clear();
  newer.push_back(world.drop_of(fresh, 3, kReceived));
  newer[0].drop.unchanged_since = uploaded;
  newer[0].drafts.push_back(world.committer->draft(world.id, kReceived, fresh.view()));
  REQUIRE(world.committer->commit(newer));
  CHECK(world.stored() == 3);
}

}  // namespace shutterseal::ingestd
