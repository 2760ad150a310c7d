// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>

#include "src/base/error.h"
#include "src/envelope/keys.h"
#include "src/ledger/index.h"
#include "test/unit/scratch.h"

namespace shutterseal::ledger {

static Digest digest_of(std::uint64_t sequence, int branch = 0) {
  return sequence == 0 ? Digest{} : envelope::sha256(as_bytes(std::to_string(sequence) + "/" + std::to_string(branch)));
}

static Row row(std::uint64_t sequence, int branch = 0, int previous_branch = 0) {
  ChainId chain;
  chain.octets.fill(9);
  return {.camera = *CameraId::parse("101"),
          .sealed_at = 1000 + static_cast<TimeMs>(sequence),
          .chain = chain,
          .sequence = sequence,
          .digest = digest_of(sequence, branch),
          .previous = digest_of(sequence - 1, previous_branch),
          .received_at = 2000 + static_cast<TimeMs>(sequence),
          .kind = envelope::Kind::image,
          .verdict = Verdict::accepted,
          .size = 100,
          .note = "",
          .location = "place-" + std::to_string(sequence) + "-" + std::to_string(branch)};
}

static void insert_all(Index& index, const std::vector<Row>& rows) {
  index.begin();
  for (const auto& one : rows) CHECK(index.insert(one));
  index.commit();
}

TEST_CASE("runs join in whatever order envelopes arrive") {
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    const Scratch scratch;
    Index index(scratch / "i.db", Access::read_write);
    std::vector<Row> rows;
    for (std::uint64_t s = 1; s <= 12; ++s)
      if (s != 7) rows.push_back(row(s));
    std::shuffle(rows.begin(), rows.end(), random);
    insert_all(index, rows);
    auto runs = index.runs(rows[0].camera, 10);
    std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    REQUIRE(runs.size() == 2);
    CHECK(runs[0] == envelope::Run{rows[0].chain, 1, 6, digest_of(6)});
    CHECK(runs[1] == envelope::Run{rows[0].chain, 8, 12, digest_of(12)});
    insert_all(index, {row(7)});
    CHECK(index.runs(rows[0].camera, 10) == std::vector{envelope::Run{rows[0].chain, 1, 12, digest_of(12)}});
  }
}

TEST_CASE("a run does not cross a link that does not fit") {
  const Scratch scratch;
  Index index(scratch / "i.db", Access::read_write);
  insert_all(index, {row(1), row(2, 0, 1)});  // names another predecessor
  CHECK(index.runs(*CameraId::parse("101"), 10).size() == 2);
}

TEST_CASE("another digest at the same place, and a contradicted neighbour, are forks; a missing neighbour is none") {
  const Scratch scratch;
  Index index(scratch / "i.db", Access::read_write);
  const auto first = row(1);
  CHECK_FALSE(index.is_fork(first.camera, first.chain, 5, digest_of(5), digest_of(4)));
  insert_all(index, {row(1), row(2), row(3)});
  CHECK_FALSE(index.is_fork(first.camera, first.chain, 4, digest_of(4), digest_of(3)));
  CHECK(index.is_fork(first.camera, first.chain, 2, digest_of(2, 1), digest_of(1)));
  CHECK(index.is_fork(first.camera, first.chain, 4, digest_of(4), digest_of(3, 1)));
  insert_all(index, {row(2, 1)});
  CHECK(index.is_fork(first.camera, first.chain, 3, digest_of(3, 1), digest_of(2, 1)));
}

TEST_CASE("what is put aside makes no fork of an honest envelope until it is acquitted") {
  const Scratch scratch;
  Index index(scratch / "i.db", Access::read_write);
  auto aside = row(3, 1, 1);
  aside.place = Place::put_aside;
  insert_all(index, {aside});
  for (const auto sequence : {2, 3, 4}) {
    const auto one = row(static_cast<std::uint64_t>(sequence));
    CHECK_FALSE(index.is_fork(one.camera, one.chain, one.sequence, one.digest, one.previous));
  }
  index.begin();
  index.acquit(aside);
  index.commit();
  for (const auto sequence : {2, 3, 4}) {
    const auto one = row(static_cast<std::uint64_t>(sequence));
    CHECK(index.is_fork(one.camera, one.chain, one.sequence, one.digest, one.previous));
  }
}

TEST_CASE("a camera that goes on with another camera's chain takes no run from it and makes none of its envelopes a fork") {
  const Scratch scratch;
  Index index(scratch / "i.db", Access::read_write);
  insert_all(index, {row(1), row(2)});
  const auto other = *CameraId::parse("102");
  const auto by_other = [&other](Row one) {
    one.camera = other;
    return one;
  };
  insert_all(index, {by_other(row(2, 7)), by_other(row(3, 7)), by_other(row(1, 7))});
  CHECK(index.runs(row(1).camera, 10) == std::vector{envelope::Run{row(1).chain, 1, 2, digest_of(2)}});
  CHECK_FALSE(index.is_fork(row(1).camera, row(1).chain, 3, digest_of(3), digest_of(2)));
  CHECK(index.is_fork(other, row(1).chain, 3, digest_of(3), digest_of(2)));  // it has another third itself
  insert_all(index, {row(3)});
  CHECK(index.runs(row(1).camera, 10) == std::vector{envelope::Run{row(1).chain, 1, 3, digest_of(3)}});
}

TEST_CASE("the same row again is not inserted, and a rolled back one is not there") {
  const Scratch scratch;
  Index index(scratch / "i.db", Access::read_write);
  index.begin();
  CHECK(index.insert(row(1)));
  CHECK_FALSE(index.insert(row(1)));
  index.commit();
  index.begin();
  CHECK(index.insert(row(2)));
  index.rollback();
  CHECK(index.count() == 1);
  CHECK(index.contains(row(1).chain, 1, digest_of(1)));
  CHECK_FALSE(index.contains(row(1).chain, 2, digest_of(2)));
  CHECK(index.has_location(2001, "place-1-0"));
  CHECK(index.find_digest(digest_of(1))->location == "place-1-0");
}

TEST_CASE("receipt numbers grow by one, from where something else knows of a later one, and never back") {
  const Scratch scratch;
  const auto id = *CameraId::parse("101");
  Index index(scratch / "a.db", Access::read_write);
  index.begin();
  CHECK(index.receipt_number(id) == 0);
  CHECK(index.next_receipt_number(id) == 1);
  index.raise_receipt_number(id, 1000);
  CHECK(index.next_receipt_number(id) == 1001);
  index.raise_receipt_number(id, 500);
  CHECK(index.receipt_number(id) == 1001);
  CHECK(index.next_receipt_number(id) == 1002);
  index.commit();
}

TEST_CASE("a row that is forgotten leaves its run, which ends before it and begins again behind it, and joins them when it comes back") {
  const Scratch scratch;
  Index index(scratch / "i.db", Access::read_write);
  std::vector<Row> rows;
  for (std::uint64_t s = 1; s <= 5; ++s) rows.push_back(row(s));
  insert_all(index, rows);
  const auto id = rows[0].camera;
  const auto runs = [&] {
    auto all = index.runs(id, 10);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return all;
  };
  const auto run = [&](std::uint64_t first, std::uint64_t last) { return envelope::Run{rows[0].chain, first, last, digest_of(last)}; };
  const auto forget = [&](std::uint64_t sequence) {
    index.begin();
    index.forget(row(sequence));
    index.commit();
  };
  forget(3);
  CHECK(runs() == std::vector{run(1, 2), run(4, 5)});
  CHECK_FALSE(index.find_at(rows[2].chain, 3, rows[2].digest));
  forget(5);
  CHECK(runs() == std::vector{run(1, 2), run(4, 4)});
  forget(1);
  CHECK(runs() == std::vector{run(2, 2), run(4, 4)});
  CHECK(index.count() == 2);
  insert_all(index, {row(1), row(3), row(5)});
  CHECK(runs() == std::vector{run(1, 5)});
}

TEST_CASE("what is known of folders and of disks is kept") {
  const Scratch scratch;
  const auto id = *CameraId::parse("101");
  {
    Index index(scratch / "i.db", Access::read_write);
    index.begin();
    index.note_folder(Index::Store::evidence, "a/b", 7);
    index.note_apart(id, true);
    index.commit();
  }
  Index index(scratch / "i.db", Access::read_write);
  CHECK(index.knows_folder(Index::Store::evidence, "a/b", 7));
  CHECK_FALSE(index.knows_folder(Index::Store::evidence, "a/b", 8));
  CHECK_FALSE(index.knows_folder(Index::Store::void_after_theft, "a/b", 7));
  CHECK(index.was_apart(id));
  index.begin();
  index.note_apart(id, false);
  index.forget_folders();
  index.commit();
  CHECK_FALSE(index.was_apart(id));
  CHECK_FALSE(index.knows_folder(Index::Store::evidence, "a/b", 7));
}

TEST_CASE("of a camera's refusals the newest are kept") {
  const Scratch scratch;
  Index index(scratch / "i.db", Access::read_write);
  const auto id = *CameraId::parse("101");
  index.begin();
  for (std::uint64_t i = 1; i <= envelope::kMostRefusals + 10; ++i) index.add_refusal(id, {"-", digest_of(i), Verdict::malformed}, 1);
  index.commit();
  const auto refusals = index.refusals(id);
  REQUIRE(refusals.size() == envelope::kMostRefusals);
  CHECK(refusals.front().digest == digest_of(11));
}

TEST_CASE("find looks by camera and time, from included, to not") {
  const Scratch scratch;
  Index index(scratch / "i.db", Access::read_write);
  insert_all(index, {row(1), row(2), row(3)});
  std::vector<std::uint64_t> found;
  index.find({.camera = *CameraId::parse("101"), .from = 1002, .to = 1003, .by_received = false, .kind = {}},
             [&](const Row& one) { found.push_back(one.sequence); });
  CHECK(found == std::vector<std::uint64_t>{2});
  found.clear();
  index.find({.camera = {}, .from = 2002, .to = {}, .by_received = true, .kind = envelope::Kind::image}, [&](const Row& one) { found.push_back(one.sequence); });
  CHECK(found == std::vector<std::uint64_t>{2, 3});
}

TEST_CASE("a damaged index says how to make it again") {
  const Scratch scratch;
  std::ofstream(scratch / "i.db") << std::string(5000, 'x');
  try {
    Index index(scratch / "i.db", Access::read_write);
    FAIL("opened");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(std::string(error.what()).find("index rebuild") != std::string::npos);
  }
}

// ---- copies -------------------------------------------------------------------------------------------------------------------

// As a hand would copy it: the file, and perhaps its log.
static void copy(const std::string& from, const std::string& to) {
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
}

static std::uint64_t count_of(const std::string& path) { return Index(path, Access::read_only).count(); }

static std::string refusal_of(const std::string& path) {
  try {
    return "opened, with " + std::to_string(count_of(path)) + " rows";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    return error.what();
  }
}

TEST_CASE("a copy of an index in use is whole with its log and refused without, also with an empty one; the log is named") {
  const Scratch scratch;
  const auto live = scratch / "i.db", alone = scratch / "alone.db", both = scratch / "both.db";
  Index index(live, Access::read_write);
  insert_all(index, {row(1), row(2)});
  CHECK(count_of(live) == 2);
  copy(live, alone);
  copy(live, both);
  copy(live + "-wal", both + "-wal");
  CHECK(count_of(both) == 2);
  CHECK(refusal_of(alone).find(alone + "-wal") != std::string::npos);
  std::ofstream(alone + "-wal").close();
  CHECK(refusal_of(alone).find(alone + "-wal") != std::string::npos);
}

TEST_CASE("a copy of an index that was closed is whole, after any number of openings") {
  const Scratch scratch;
  const auto live = scratch / "i.db", alone = scratch / "alone.db";
  for (std::uint64_t i = 1; i <= 3; ++i) {
    insert_all(*std::make_unique<Index>(live, Access::read_write), {row(i)});
    copy(live, alone);
    CHECK(count_of(alone) == i);
    CHECK_FALSE(std::filesystem::exists(live + "-wal"));
    CHECK(count_of(live) == i);  // leaves an empty log
  }
}

// A process that is killed leaves its files as they are at that moment.
TEST_CASE("after a crash the index opens with all its rows, for reading and for writing, and a copy without its log still tells") {
  const Scratch scratch;
  const auto live = scratch / "i.db", crashed = scratch / "crashed.db", alone = scratch / "alone.db";
  Index index(live, Access::read_write);
  insert_all(index, {row(1)});
  for (const bool again : {false, true}) {
    copy(live, crashed);
    copy(live + "-wal", crashed + "-wal");
    CHECK(count_of(crashed) == (again ? 2 : 1));
    copy(crashed, alone);
    CHECK(refusal_of(alone).find("-wal") != std::string::npos);
    Index revived(crashed, Access::read_write);
    CHECK(revived.is_whole());
    CHECK(revived.count() == (again ? 2 : 1));
    if (!again) insert_all(index, {row(2)});
  }
}

TEST_CASE("opened for writing without its log an index says that rows may be missing, until they were looked for") {
  const Scratch scratch;
  const auto live = scratch / "i.db", alone = scratch / "alone.db";
  Index index(live, Access::read_write);
  insert_all(index, {row(1)});
  copy(live, alone);
  {
    Index partial(alone, Access::read_write);
    CHECK_FALSE(partial.is_whole());
    insert_all(partial, {row(1), row(2)});
    partial.completed();
    CHECK(partial.is_whole());
  }
  CHECK(count_of(alone) == 2);
  CHECK(Index(alone, Access::read_write).is_whole());
}

TEST_CASE("while a reader holds an older state the index is written, and closed without losing its mark") {
  const Scratch scratch;
  const auto live = scratch / "i.db", alone = scratch / "alone.db";
  insert_all(*std::make_unique<Index>(live, Access::read_write), {row(1)});
  const Index reader(live, Access::read_only);
  std::uint64_t seen = 0;
  reader.find({}, [&](const Row&) {
    ++seen;
    Index index(live, Access::read_write);
    insert_all(index, {row(2)});
    CHECK(index.count() == 2);
  });
  CHECK(seen == 1);
  CHECK(count_of(live) == 2);
  insert_all(*std::make_unique<Index>(live, Access::read_write), {row(3)});
  copy(live, alone);
  CHECK(count_of(alone) == 3);
}

}  // namespace shutterseal::ledger
