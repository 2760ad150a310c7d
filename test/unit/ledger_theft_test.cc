// SPDX-License-Identifier: Apache-2.0
// What a theft leaves good: had before it, or led to from what was; and nothing else, whatever a thief writes.
#include <doctest/doctest.h>

#include "src/envelope/keys.h"
#include "src/ledger/theft.h"
#include "test/unit/scratch.h"

namespace shutterseal::ledger {

static constexpr TimeMs kTheft = 1'000'000, kBefore = kTheft - 1, kAfter = kTheft;
static const auto kCamera = *CameraId::parse("101");

static ChainId chain_of(std::uint8_t number) {
  ChainId chain;
  chain.octets.fill(number);
  return chain;
}
// The digest covers `previous`, as an envelope's does.
static Row row(std::uint8_t chain, std::uint64_t sequence, const Digest& previous, TimeMs received_at, std::string_view salt = "") {
  const auto digest = envelope::sha256(as_bytes(std::to_string(chain) + "/" + std::to_string(sequence) + "/" + previous.hex() + std::string(salt)));
  return {.camera = kCamera, .sealed_at = 1, .chain = chain_of(chain), .sequence = sequence, .digest = digest, .previous = previous, .received_at = received_at,
          .kind = envelope::Kind::image, .verdict = Verdict::accepted, .size = 1, .note = "", .location = digest.hex()};
}
static std::vector<Row> chain(std::uint8_t number, std::uint64_t length, const Digest& previous, TimeMs received_at) {
  std::vector<Row> rows;
  for (std::uint64_t sequence = 1; sequence <= length; ++sequence) rows.push_back(row(number, sequence, rows.empty() ? previous : rows.back().digest, received_at));
  return rows;
}

struct TheftWorld {
  Scratch scratch;
  Index index{scratch / "i.db", Access::read_write};
  void store(const std::vector<Row>& rows) {
    index.begin();
    for (const auto& one : rows) CHECK(index.insert(one));
    index.commit();
  }
  std::string proof(const Row& one) {
    Theft theft(&index, kCamera, kTheft);
    return theft.proof_of(link_of(one)).text();
  }
};
static std::string linked(const Row& from) { return "linked-from:" + from.digest.hex().substr(0, 16); }

TEST_CASE("had before the theft is good, had at it or later is not") {
  TheftWorld world;
  const auto before = row(1, 1, {}, kBefore), after = row(1, 2, before.digest, kAfter);
  world.store({before, after});
  CHECK(world.proof(before) == "received-before");
  CHECK(world.proof(after).empty());
}

TEST_CASE("a backlog of any length is good when what overtook it was had before") {
  TheftWorld world;
  auto rows = chain(1, 3000, {}, kAfter);
  rows.back().received_at = kBefore;
  rows.push_back(row(1, 3001, rows.back().digest, kAfter));  // sealed by the thief, who has key and chain
  world.store(rows);
  CHECK(world.proof(rows[0]) == linked(rows[2999]));
  CHECK(world.proof(rows[2998]) == linked(rows[2999]));
  CHECK(world.proof(rows[3000]).empty());
  Theft theft(&world.index, kCamera, kTheft);
  for (std::size_t i = 0; i < 3000; ++i) CHECK(theft.proof_of(link_of(rows[i])));
  CHECK_FALSE(theft.proof_of(link_of(rows[3000])));
}

TEST_CASE("links lead across chains, and through what was never stored only where it is shown") {
  TheftWorld world;
  const auto old = chain(1, 3, {}, kAfter);
  auto young = chain(2, 2, old[2].digest, kAfter);
  young[1].received_at = kBefore;
  world.store({old[0], old[1], young[0], young[1]});
  CHECK(world.proof(young[0]) == linked(young[1]));
  CHECK(world.proof(old[2]) == linked(young[1]));  // not stored itself
  CHECK(world.proof(old[0]).empty());              // what leads to it is missing
  Theft theft(&world.index, kCamera, kTheft);
  CHECK_FALSE(theft.proof_of(link_of(old[0])));
  theft.add({old[2].chain, 3, old[2].digest, old[2].previous, std::nullopt});
  CHECK(theft.proof_of(link_of(old[0])).text() == linked(young[1]));
  Theft without(nullptr, kCamera, kTheft);
  CHECK_FALSE(without.proof_of({old[0].chain, 1, old[0].digest, old[0].previous, std::nullopt}));
}

TEST_CASE("a thief's branch, a thief's chain and a thief's successor make nothing good") {
  TheftWorld world;
  auto real = chain(1, 3, {}, kBefore);
  real[1].received_at = kAfter;  // linked from the third
  const auto fork = row(1, 2, real[0].digest, kAfter, "thief"), on = row(1, 3, fork.digest, kAfter), fresh = row(3, 1, real[2].digest, kAfter);
  world.store({real[0], real[1], real[2], fork, on, fresh});
  CHECK(world.proof(real[1]) == linked(real[2]));
  for (const auto& one : {fork, on, fresh}) CHECK(world.proof(one).empty());
}

TEST_CASE("of two branches the one that an older envelope names is good") {
  TheftWorld world;
  const auto first = row(1, 1, {}, kAfter), left = row(1, 2, first.digest, kAfter, "left"), right = row(1, 2, first.digest, kAfter, "right");
  const auto end = row(1, 3, right.digest, kBefore);
  world.store({first, left, right, end});
  CHECK(world.proof(left).empty());
  CHECK(world.proof(right) == linked(end));
  CHECK(world.proof(first) == linked(end));
}

TEST_CASE("another camera's envelopes lead nowhere") {
  TheftWorld world;
  const auto mine = row(1, 1, {}, kAfter);
  auto other = row(1, 2, mine.digest, kBefore);
  other.camera = *CameraId::parse("102");
  world.store({mine, other});
  CHECK(world.proof(mine).empty());
}

TEST_CASE("rows that lie about their digests close no circle that is walked for ever") {
  TheftWorld world;
  auto first = row(1, 1, {}, kAfter), second = row(1, 2, first.digest, kAfter);
  auto again = row(2, 1, second.digest, kAfter);
  first.previous = again.digest;
  const auto back = [&] {
    auto one = first;
    one.chain = chain_of(9);
    one.previous = again.digest;
    return one;
  }();
  world.store({first, second, again, back});
  CHECK(world.proof(first).empty());
  CHECK(world.proof(again).empty());
}

// An index that counts what it is asked.
struct CountingLinks : Links {
  explicit CountingLinks(const Index& known) : index(known) {}
  [[nodiscard]] std::vector<Link> followers(const CameraId& camera, const Link& link) const override { return ++asked, index.followers(camera, link); }
  [[nodiscard]] std::optional<Row> find_digest(const Digest& digest) const override { return ++asked, index.find_digest(digest); }
  const Index& index;
  mutable std::size_t asked = 0;
};

TEST_CASE("a thief's backlog is not walked again for each envelope that follows, at either end") {
  static constexpr std::size_t kMany = 400;
  TheftWorld world;
  const CountingLinks links(world.index);
  Theft theft(&links, kCamera, kTheft);
  const auto heap = chain(1, kMany, {}, kAfter);
  for (std::size_t i = 0; i < kMany / 2; ++i) {
    for (const auto& one : {heap[kMany / 2 + i], heap[kMany / 2 - 1 - i]}) {
      theft.add(link_of(one));
      CHECK_FALSE(theft.proof_of(link_of(one)));
      world.store({one});
    }
  }
  CHECK(links.asked <= kMany);
  const auto last = row(1, kMany + 1, heap.back().digest, kBefore);  // what makes all of it good is walked once
  theft.add(link_of(last));
  world.store({last});
  CHECK(theft.newly_good(link_of(last)).size() == kMany + 1);
  const auto walked = links.asked;
  CHECK(walked <= 2 * kMany + 2);
  const auto next = row(1, kMany + 2, last.digest, kBefore);
  theft.add(link_of(next));
  world.store({next});
  CHECK(theft.newly_good(link_of(next)).size() == 1);
  CHECK(links.asked <= walked + 2);
}

TEST_CASE("what is added late makes good what was hopeless, however it came in between") {
  TheftWorld world;
  auto rows = chain(1, 5, {}, kAfter);
  rows[3].received_at = kBefore;
  Theft theft(&world.index, kCamera, kTheft);
  for (const auto i : {0, 4, 2, 1}) {
    theft.add(link_of(rows[static_cast<std::size_t>(i)]));
    CHECK_FALSE(theft.proof_of(link_of(rows[static_cast<std::size_t>(i)])));
  }
  theft.add(link_of(rows[3]));
  for (std::size_t i = 0; i < 3; ++i) CHECK(theft.proof_of(link_of(rows[i])).text() == linked(rows[3]));
  CHECK_FALSE(theft.proof_of(link_of(rows[4])));
}

TEST_CASE("what is put aside is in no run until it is acquitted") {
  TheftWorld world;
  auto rows = chain(1, 3, {}, kAfter);
  rows[0].place = Place::put_aside;
  rows[1].place = Place::put_aside;
  world.store(rows);
  CHECK(world.index.runs(kCamera, 10).size() == 1);
  CHECK(world.index.put_aside(kCamera).size() == 2);
  world.index.begin();
  world.index.acquit(rows[1]);
  world.index.acquit(rows[1]);
  world.index.commit();
  CHECK(world.index.runs(kCamera, 10) == std::vector{envelope::Run{rows[0].chain, 2, 3, rows[2].digest}});
  CHECK(world.index.put_aside(kCamera).size() == 1);
  CHECK(world.index.find_digest(rows[1].digest)->place == Place::acquitted);
}

TEST_CASE("what turns out to be had earlier is good, and in the runs once") {
  TheftWorld world;
  auto rows = chain(1, 2, {}, kAfter);
  rows[1].place = Place::put_aside;
  world.store(rows);
  for (auto& one : rows) {
    one.received_at = kBefore;
    one.location += "-older";
  }
  world.index.begin();
  for (const auto& one : rows) world.index.backdate(one);
  world.index.commit();
  CHECK(world.index.runs(kCamera, 10) == std::vector{envelope::Run{rows[0].chain, 1, 2, rows[1].digest}});
  CHECK(world.index.put_aside(kCamera).empty());
  CHECK(world.index.has_location(kBefore, rows[1].location));
  CHECK(world.index.find_digest(rows[1].digest)->place == Place::evidence);
}

}  // namespace shutterseal::ledger
