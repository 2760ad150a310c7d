// SPDX-License-Identifier: Apache-2.0
// What the camera remembers: chain, spool, receipts.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/uploader/capture.h"
#include "src/uploader/chain.h"
#include "src/uploader/gaps.h"
#include "src/uploader/parcel.h"
#include "src/uploader/spool.h"
#include "test/unit/scratch.h"

namespace shutterseal::uploader {

static Digest digest_of(std::uint64_t n) {
  Digest digest;
  digest.octets.fill(static_cast<std::uint8_t>(n));
  return digest;
}

static ChainState three_pending() {
  auto state = new_chain({});
  for (std::uint64_t s = 1; s <= 3; ++s) state.pending.push_back({s, digest_of(s), "original-" + std::to_string(s)});
  return state;
}

TEST_CASE("the chain's state goes to a file and back, whatever originals are called") {
  auto state = three_pending();
  state.pending[1].original = "x\nnext = 99\n\xff";
  CHECK(parse_chain(format_chain(state), "f") == state);
  CHECK_FALSE(parse_chain("rubbish", "f"));
  CHECK_FALSE(parse_chain("", "f"));
  CHECK_THROWS_AS(static_cast<void>(parse_chain("format = 2\n", "f")), Error);
}

TEST_CASE("a chain's file in another order than it was written in is damaged") {
  const auto text = format_chain(three_pending());
  const auto pending = text.find("pending"), next = text.find("next");
  REQUIRE(parse_chain(text, "f"));
  CHECK_FALSE(parse_chain(text.substr(0, next) + text.substr(pending) + text.substr(next, pending - next), "f"));
  CHECK_FALSE(parse_chain(text + "next = 9\n", "f"));
}

TEST_CASE("a chain's file that asks for a sequence beyond the last is damaged: sealing it would abort at each start") {
  auto state = new_chain({});
  state.base = kLargestInteger;
  CHECK(parse_chain(format_chain(state), "f") == state);
  state.pending.push_back({kLargestInteger, digest_of(1), ""});
  CHECK_FALSE(parse_chain(format_chain(state), "f"));
}

TEST_CASE("after a crash what was committed counts and what was not is sealed again") {
  const auto state = three_pending();
  Surroundings around;
  around.envelopes = {{state.chain, 1, digest_of(1)}, {state.chain, 2, digest_of(2)}};
  around.original_exists = [](const std::string&) { return true; };
  const auto result = reconcile(state, around);
  CHECK_FALSE(result.renewed);
  CHECK(result.state.next() == 3);
  CHECK(result.state.previous() == digest_of(2));
  CHECK(result.finished == std::vector<std::string>{"original-1", "original-2"});
}

TEST_CASE("a state older than the spool, or none, begins a new chain behind the last envelope") {
  const auto state = three_pending();
  Surroundings around;
  around.envelopes = {{state.chain, 9, digest_of(9)}};
  around.original_exists = [](const std::string&) { return false; };
  const auto older = reconcile(state, around);
  CHECK(older.renewed);
  CHECK(older.state.chain != state.chain);
  CHECK(older.state.next() == 1);
  const auto none = reconcile(std::nullopt, around);
  CHECK(none.renewed);
  CHECK(none.state.previous() == digest_of(9));
}

// A spool of a chain 1..n, where envelope s has digest s and names s - 1.
struct FakeSpool {
  ChainId chain;
  std::map<EnvelopeName, Digest> names;
  std::set<std::uint64_t> unreadable;
  explicit FakeSpool(std::uint64_t last) {
    for (std::uint64_t s = 1; s <= last; ++s) names[{chain, s, digest_of(s)}] = digest_of(s - 1);
  }
  [[nodiscard]] SpoolView view() const {
    return {[this](const EnvelopeName& name) { return names.contains(name); },
            [this](const EnvelopeName& name) { return unreadable.contains(name.sequence) ? std::nullopt : std::optional(names.at(name)); },
            [this](const ChainId&) {
              std::vector<EnvelopeName> all;
              for (const auto& [name, previous] : names) all.push_back(name);
              return all;
            }};
  }
};

TEST_CASE("a receipt covers downwards from a digest that this camera computed, and no further than its first") {
  const FakeSpool spool(6);
  const SentRuns sent;
  const auto covered = covered_by({spool.chain, 3, 5, digest_of(5)}, spool.view(), sent);
  REQUIRE(covered.names.size() == 3);
  CHECK(covered.names.front().sequence == 5);
  CHECK(covered.names.back().sequence == 3);
  CHECK(covered_by({spool.chain, 1, 5, digest_of(99)}, spool.view(), sent).names.empty());
  CHECK(covered_by({ChainId{{1}}, 1, 5, digest_of(5)}, spool.view(), sent).names.empty());
}

TEST_CASE("a receipt reaches past what was covered and deleted before") {
  FakeSpool spool(6);
  SentRuns sent;
  for (std::uint64_t s = 3; s <= 4; ++s) {
    spool.names.erase({spool.chain, s, digest_of(s)});
    sent.add({spool.chain, s, s, digest_of(s), digest_of(s - 1)});
  }
  CHECK(sent.runs().size() == 1);
  CHECK(sent.covers(spool.chain, 4));
  const auto covered = covered_by({spool.chain, 1, 6, digest_of(6)}, spool.view(), sent);
  CHECK(covered.names.size() == 4);
}

TEST_CASE("an envelope whose link is lost costs those below it nothing, unless this camera has two at one place") {
  FakeSpool spool(6);
  spool.unreadable = {5};
  const auto covered = covered_by({spool.chain, 1, 6, digest_of(6)}, spool.view(), SentRuns());
  CHECK(covered.names.size() == 6);
  SentRuns sent;
  for (const auto& run : covered.runs) sent.add(run);
  for (std::uint64_t s = 1; s <= 6; ++s) CHECK(sent.covers(spool.chain, s));
  spool.names[{spool.chain, 4, digest_of(44)}] = digest_of(33);  // a fork: which of them the server has is not known
  CHECK(covered_by({spool.chain, 1, 6, digest_of(6)}, spool.view(), SentRuns()).names.size() == 2);
}

TEST_CASE("what the server holds and this camera has no more is no gap, and no end of the way down") {
  FakeSpool spool(9);
  for (const std::uint64_t gone : {4U, 5U, 6U}) spool.names.erase({spool.chain, gone, digest_of(gone)});
  const auto covered = covered_by({spool.chain, 2, 9, digest_of(9)}, spool.view(), SentRuns());
  REQUIRE(covered.names.size() == 5);
  CHECK(covered.names.back().sequence == 2);
  SentRuns sent;
  for (const auto& run : covered.runs) sent.add(run);
  CHECK(sent.covers(spool.chain, 4));
  CHECK(sent.covers(spool.chain, 6));
  CHECK_FALSE(sent.covers(spool.chain, 1));
}

TEST_CASE("what a restored server no longer holds is told apart from what other runs hold") {
  const ChainId chain{};
  SentRuns sent;
  sent.add({chain, 1, 6, digest_of(6), digest_of(0)});
  CHECK(sent.take_lost({{chain, 1, 9, digest_of(9)}}).empty());
  CHECK(sent.take_lost({{chain, 1, 3, digest_of(3)}, {chain, 4, 6, digest_of(6)}}).empty());  // a fork cuts runs elsewhere
  const auto lost = sent.take_lost({{chain, 1, 3, digest_of(3)}, {chain, 7, 7, digest_of(7)}});
  REQUIRE(lost.size() == 1);
  CHECK(lost.front().first == 1);
  CHECK(sent.runs().empty());
}

TEST_CASE("the spool contradicts another envelope at the same place, and takes back what it kept") {
  const Scratch scratch;
  Spool spool(scratch.path);
  const EnvelopeName ours{{}, 2, digest_of(7)}, kept{{}, 1, digest_of(1)};
  for (const auto& name : {ours, kept}) commit_file(scratch / name.text(), as_bytes(std::string(100, 'x')), 0600);
  spool.refresh();
  CHECK(spool.contradicts({{}, 2, digest_of(6)}));
  CHECK(spool.contradicts({{}, 2, digest_of(8)}));
  CHECK_FALSE(spool.contradicts(ours));
  CHECK_FALSE(spool.contradicts({{}, 3, digest_of(6)}));
  CHECK(spool.remove({kept}, *parse_keep("7d"), 5'000).empty());
  CHECK(spool.backlog().count == 1);
  CHECK(spool.take_back([](const EnvelopeName& name) { return name.sequence == 9; }) == 0);
  CHECK(spool.take_back([](const EnvelopeName& name) { return name.sequence == 1; }) == 1);
  CHECK(spool.contains(kept));
  CHECK(exists(scratch / kept.text()));
}

TEST_CASE("what the camera knows of receipts goes to a file and back") {
  ReceiptState state;
  state.number = 5;
  state.time = 77;
  state.sent.add({{}, 1, 3, digest_of(3), digest_of(0)});
  state.sent.add({{}, 5, 6, digest_of(6), digest_of(4)});
  const auto text = format_receipt_state(state);
  const auto again = parse_receipt_state(text, "f");
  REQUIRE(again);
  CHECK(again->number == 5);
  CHECK(again->sent.runs() == state.sent.runs());
  CHECK_FALSE(again->is_lost);
  CHECK_THROWS_AS(static_cast<void>(parse_receipt_state("format = 2\n", "f")), Error);
  // Cut off anywhere it is half a memory, which would call what was receipted lost.
  for (std::size_t size = 0; size < text.size(); ++size) {
    INFO(size);
    const auto cut = parse_receipt_state(text.substr(0, size), "f");
    CHECK((!cut || cut->sent.runs().size() == 2));
  }
  CHECK_FALSE(parse_receipt_state(std::string(64, '\0'), "f"));
}

TEST_CASE("envelope names are exactly of one form") {
  const EnvelopeName name{ChainId{}, 42, digest_of(7)};
  CHECK(EnvelopeName::parse(name.text()) == name);
  for (const auto& bad : {name.text() + "x", "x" + name.text(), std::string(".p7m"), name.text().substr(1)}) CHECK_FALSE(EnvelopeName::parse(bad));
}

TEST_CASE("the spool gives what is due in order, and never what was sent a moment ago") {
  const Scratch scratch;
  Spool spool(scratch.path);
  for (std::uint64_t s = 1; s <= 3; ++s) commit_file(scratch / EnvelopeName{{}, s, digest_of(s)}.text(), as_bytes(std::string(100, 'x')), 0600);
  spool.refresh();
  CHECK(spool.backlog().count == 3);
  const auto due = spool.due(1000, 500, 200, 10);
  REQUIRE(due.size() == 2);
  CHECK(due[0].name.sequence == 1);
  spool.mark_sent(due, 1000);
  CHECK(spool.due(1100, 500, 1000, 10).size() == 1);
  CHECK(spool.due(1600, 500, 1000, 10).size() == 3);
  spool.refuse(due[0].name);
  CHECK(exists(scratch / "refused/" + due[0].name.text()));
  CHECK(spool.remove({due[1].name}, {}, 0).empty());
  CHECK_FALSE(exists(scratch / due[1].name.text()));
  CHECK(spool.backlog().count == 1);
}

TEST_CASE("what a receipt covers is not sent, sent alone or refused while its file is still there") {
  const Scratch scratch;
  Spool spool(scratch.path);
  for (std::uint64_t s = 1; s <= 2; ++s) commit_file(scratch / EnvelopeName{{}, s, digest_of(s)}.text(), as_bytes(std::string(100, 'x')), 0600);
  spool.refresh();
  const EnvelopeName covered{{}, 1, digest_of(1)}, other{{}, 2, digest_of(2)};
  spool.let_go({covered, {{}, 3, digest_of(3)}});
  spool.refresh();
  spool.send_alone({covered, other});
  const auto due = spool.due(1000, 500, 1000, 10);
  REQUIRE(due.size() == 1);
  CHECK(due[0].name == other);
  CHECK_FALSE(spool.by_digest(covered.digest));
  CHECK(spool.by_digest(other.digest) == other);
  CHECK(spool.contains(covered));  // the receipt may not be remembered yet: nobody may take it for lost
  CHECK(spool.backlog().count == 2);
  CHECK(spool.remove({covered}, {}, 0).empty());
  CHECK(spool.backlog().count == 1);
}

TEST_CASE("parcels have ten seconds of the measured rate and half after a cut") {
  Pace pace(64 << 10, 8 << 20);
  pace.sent(1 << 20, 10'000);
  CHECK(pace.octets() == 1 << 20);
  pace.cut();
  CHECK(pace.octets() == 512 << 10);
  for (int i = 0; i < 10; ++i) pace.cut();
  CHECK(pace.octets() == 64 << 10);
  pace.sent(8 << 20, 1);
  CHECK(pace.octets() == 8 << 20);
}

TEST_CASE("names inside envelopes keep the old form") {
  const auto id = *CameraId::parse("102");
  CHECK(name_in_envelope(id, "102_2026_11_23_10_11_12-03.jpg", 0) == "102_2026_11_23_10_11_12-03.jpg");
  CHECK(name_in_envelope(id, "IMG_1.jpg", 1795428672345) == "102_2026_11_23_10_11_12.jpg");
  CHECK(name_in_envelope(id, "103_2026_11_23_10_11_12.jpg", 1795428672345) == "102_2026_11_23_10_11_12.jpg");
  CHECK(original_name("123+a+b.jpg") == "a+b.jpg");
}

TEST_CASE("keep is nothing, a time or a size, and never a bare number") {
  CHECK(parse_keep("none")->is_nothing());
  CHECK(parse_keep("7d")->span_ms == 7LL * 24 * 3600 * 1000);
  CHECK(parse_keep("1G")->octets == 1 << 30);
  for (const auto* bad : {"", "7", "7x", "d"}) CHECK_FALSE(parse_keep(bad));
}

TEST_CASE("what is neither here nor receipted is vanished, and nothing else is") {
  ChainState state;
  state.base = 10;
  const auto here = [&](std::uint64_t sequence) { return EnvelopeName{state.chain, sequence, digest_of(sequence)}; };
  SentRuns sent;
  sent.add({state.chain, 1, 3, digest_of(3), digest_of(0)});
  CHECK(find_vanished(state, {here(4), here(5), here(6), here(7), here(8), here(9)}, sent).empty());
  const auto gaps = find_vanished(state, {here(6), here(8)}, sent);
  REQUIRE(gaps.size() == 3);
  CHECK(note_of(gaps[0]) == "gap 4-5 vanished");
  CHECK(note_of(gaps[1]) == "gap 7-7 vanished");
  CHECK(note_of(gaps[2]) == "gap 9-9 vanished");
  CHECK(find_vanished(state, {EnvelopeName{ChainId{{1}}, 5, digest_of(5)}}, SentRuns()).front().last == 9);
  CHECK(find_vanished(ChainState(), {}, SentRuns()).empty());
  // Another envelope at a place beyond the state, a second one at the same place: neither hides anything nor adds to it.
  CHECK(find_vanished(state, {here(4), here(4), here(12)}, sent).size() == 1);
}

TEST_CASE("with more runs than are remembered nothing is called vanished") {
  ChainState state;
  state.base = 3 * kMostSentRuns;
  SentRuns sent;
  for (std::uint64_t i = 1; i <= kMostSentRuns; ++i) sent.add({state.chain, 2 * i, 2 * i, digest_of(i), digest_of(99)});
  CHECK(find_vanished(state, {}, sent).empty());
}

TEST_CASE("a gap is stated once, also where it grew") {
  const Scratch scratch;
  const Gap first{{}, 4, 6, "vanished", false}, grown{{}, 2, 9, "vanished", false};
  {
    StatedGaps stated(scratch / "gaps");
    CHECK(stated.without({first}) == std::vector<Gap>{first});
    stated.add({first});
    CHECK(stated.without({first}).empty());
  }
  const StatedGaps stated(scratch / "gaps");
  CHECK(stated.without({first}).empty());
  CHECK(stated.without({grown}) == std::vector<Gap>{{{}, 2, 3, "vanished", false}, {{}, 7, 9, "vanished", false}});
  CHECK(stated.without({{ChainId{{1}}, 4, 6, "vanished", false}}).size() == 1);
  CHECK(StatedGaps::parse("rubbish", "f").empty());
  CHECK(StatedGaps::parse("format = 1\nstated = x 1 2 vanished\nstated = " + ChainId{}.hex() + " 2 1 vanished\n", "f").empty());
}

TEST_CASE("a refused envelope of another chain is stated with that chain") {
  const ChainId other{{0x5f, 0x3a, 0x9c, 0x1e}};
  const std::vector<EnvelopeName> refused{{other, 3, digest_of(3)}, {{}, 7, digest_of(7)}, {{}, 6, digest_of(6)}};
  SentRuns sent;
  const auto gaps = find_put_aside(refused, "refused", ChainId{}, sent);
  REQUIRE(gaps.size() == 2);
  CHECK(note_of(gaps[0]) == "gap 6-7 refused");
  CHECK(note_of(gaps[1]) == "gap 3-3 refused of 5f3a9c1e");
  sent.add({{}, 6, 7, digest_of(7), digest_of(5)});  // a receipt covered them all the same
  CHECK(find_put_aside(refused, "refused", ChainId{}, sent).size() == 1);
}

TEST_CASE("what a full spool cost is counted over restarts") {
  const Scratch scratch;
  {
    Unsealed unsealed(scratch.path);
    CHECK_FALSE(unsealed.is_open());
    unsealed.look({"a", "b", "c"});
    unsealed.look({"b", "c", "d"});
    CHECK(Unsealed(scratch.path).lost({"a", "b", "c"}) == 0);  // not written for each picture
    unsealed.save();
  }
  Unsealed unsealed(scratch.path);
  CHECK(unsealed.is_open());
  CHECK(unsealed.since() > 0);
  CHECK(unsealed.lost({"b", "c", "d", "e"}) == 1);
  CHECK(unsealed.lost({"d"}) == 3);
  unsealed.forget();
  CHECK_FALSE(Unsealed(scratch.path).is_open());
}

TEST_CASE("losses are said at once, and then together; a kill in between forgets none") {
  const Scratch scratch;
  const auto file = scratch.path + "/losses";
  {
    LossCounter losses(file);
    CHECK(losses.due(5, false).empty());
    losses.add("rejected", 2);
    losses.add("vanished", 0);
    CHECK(losses.due(5, false) == LossCounter::Counts{{"rejected", 2}});
    losses.stated("rejected", 2);
    losses.add("rejected", 1);
    losses.add("rejected", 1);
    CHECK(losses.due(6, false).empty());
    CHECK(losses.due(600'005, false) == LossCounter::Counts{{"rejected", 2}});
  }
  LossCounter again(file);  // it was killed before the event was sealed
  CHECK(again.due(7, false) == LossCounter::Counts{{"rejected", 2}});
  again.add("damaged", 1);
  CHECK(again.due(8, false).empty());
  CHECK(again.due(8, true) == LossCounter::Counts{{"damaged", 1}, {"rejected", 2}});
  again.stated("rejected", 2);
  again.stated("damaged", 1);
  CHECK(LossCounter(file).due(9, true).empty());
  CHECK(note_of_losses("rejected", 2, 1'800'000'000'000) == "gap 2 rejected 2027-01-15T08:00:00Z");
}

TEST_CASE("events go before pictures, and alone") {
  const Scratch scratch;
  Spool spool(scratch.path);
  const EnvelopeName picture{{}, 1, digest_of(1)}, event{{}, 2, digest_of(2)};
  spool.add({{picture, 100, false, false}, {event, 100, false, true}});
  auto due = spool.due(1000, 500, 1000, 10);
  REQUIRE(due.size() == 1);
  CHECK(due.front().name == event);
  spool.mark_sent(due, 1000);
  due = spool.due(1000, 500, 1000, 10);
  REQUIRE(due.size() == 1);
  CHECK(due.front().name == picture);
}

}  // namespace shutterseal::uploader
