// SPDX-License-Identifier: Apache-2.0
// What a worn card does to the spool and to the state, and what a camera makes of it.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/envelope/keys.h"
#include "src/uploader/chain.h"
#include "src/uploader/gaps.h"
#include "src/uploader/heartbeat.h"
#include "src/uploader/kept.h"
#include "src/uploader/link_state.h"
#include "src/uploader/parcel.h"
#include "src/uploader/receipt.h"
#include "src/uploader/spool.h"
#include "src/uploader/state.h"
#include "test/unit/scratch.h"

namespace shutterseal::uploader {

namespace fs = std::filesystem;

static Bytes octets_of(std::uint64_t sequence, std::size_t size) { return Bytes(size, static_cast<std::uint8_t>(sequence)); }

// Puts it into `dir` under its right name.
static EnvelopeName put(const std::string& dir, std::uint64_t sequence, std::size_t size) {
  const auto octets = octets_of(sequence, size);
  const EnvelopeName name{{}, sequence, envelope::sha256(octets)};
  replace_file(dir + "/" + name.text(), octets, 0600);
  return name;
}

static void overwrite(const std::string& path, const std::string& text) {
  fs::remove_all(path);
  replace_file(path, as_bytes(text), 0600);
}

// ---- envelopes ------------------------------------------------------------------------------------------------------------------------

TEST_CASE("a parcel is named by its envelopes and gives their octets") {
  const Scratch scratch;
  put(scratch.path, 1, 300);
  put(scratch.path, 2, 200);
  Spool spool(scratch.path);
  spool.refresh();
  const auto due = spool.due(0, 500, 1000, 10);
  REQUIRE(due.size() == 2);
  const auto parcel = make_parcel(due);
  CHECK(parcel.size == 500);
  CHECK(parcel.name.starts_with("1-2-"));
  CHECK(make_parcel(due).name == parcel.name);
  CHECK(make_parcel({due[0]}).name == "1-1-" + due[0].name.digest.hex().substr(0, 16) + ".parcel");
  CHECK(make_parcel({due[0], due[0]}).name != make_parcel({due[0], due[1]}).name);
  Bytes all(600);
  ParcelReader reader(spool, parcel);
  CHECK(reader.read(std::span(all).first(350)) == 350);
  CHECK(reader.read(std::span(all).subspan(350)) == 150);
  CHECK(reader.read(all) == 0);
  CHECK(all[299] == 1);
  CHECK(all[300] == 2);
}

TEST_CASE("the last octets of an envelope are not given when it is not what its name says") {
  using Harm = void (*)(const std::string&);
  const std::pair<const char*, Harm> harms[] = {
      {"an octet is flipped", [](const std::string& path) { overwrite(path, std::string(199, 2) + "x"); }},
      {"it is shorter", [](const std::string& path) { fs::resize_file(path, 150); }},
      {"it is empty", [](const std::string& path) { fs::resize_file(path, 0); }},
      {"it is gone", [](const std::string& path) { fs::remove(path); }},
      {"a folder is in its place",
       [](const std::string& path) {
         fs::remove(path);
         fs::create_directory(path);
       }},
      {"a pipe is in its place", [](const std::string& path) {
         fs::remove(path);
         REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
       }}};
  for (const auto& [what, harm] : harms) {
    INFO(what);
    const Scratch scratch;
    put(scratch.path, 1, 300);
    const auto bad = put(scratch.path, 2, 200);
    put(scratch.path, 3, 100);
    Spool spool(scratch.path);
    spool.refresh();
    const auto parcel = make_parcel(spool.due(0, 500, 1000, 10));
    harm(scratch / bad.text());
    ParcelReader reader(spool, parcel);
    std::size_t given = 0;
    Bytes piece(64);
    const auto read_all = [&] {
      while (const auto got = reader.read(piece)) given += got;
    };
    CHECK_THROWS_AS(read_all(), Error);
    CHECK(given < 500);
    REQUIRE(reader.damaged());
    CHECK(*reader.damaged() == bad);
    const auto condition = spool.examine(bad).condition;
    CHECK((condition == Condition::damaged || condition == Condition::vanished));
    CHECK(spool.examine(parcel.envelopes[0].name).condition == Condition::whole);
  }
}

TEST_CASE("what grew behind the end is sent as it was sealed") {
  const Scratch scratch;
  const auto name = put(scratch.path, 1, 300);
  Spool spool(scratch.path);
  spool.refresh();
  const auto parcel = make_parcel(spool.due(0, 500, 1000, 10));
  overwrite(scratch / name.text(), std::string(300, 1) + "more");
  Bytes all(600);
  ParcelReader reader(spool, parcel);
  CHECK(reader.read(all) == 300);
}

TEST_CASE("a damaged envelope is put aside, alone, and never deleted") {
  const Scratch scratch;
  const auto bad = put(scratch.path, 1, 100), good = put(scratch.path, 2, 100);
  overwrite(scratch / bad.text(), "rubbish");
  Spool spool(scratch.path);
  spool.refresh();
  CHECK(spool.examine(bad).reason == kOtherOctets);
  CHECK(spool.put_aside(bad));
  CHECK(exists(scratch / ("damaged/" + bad.text())));
  CHECK_FALSE(spool.contains(bad));
  CHECK(spool.holds(bad));  // a receipt may still cover it
  const auto due = spool.due(0, 500, 1000, 10);
  REQUIRE(due.size() == 1);
  CHECK(due[0].name == good);
  // It comes back and is damaged again: the same octets lie there already, others stay beside them.
  overwrite(scratch / bad.text(), "rubbish");
  CHECK(spool.put_aside(bad));
  CHECK_FALSE(exists(scratch / bad.text()));
  overwrite(scratch / bad.text(), "other rubbish");
  CHECK(spool.put_aside(bad));
  CHECK(exists(scratch / ("damaged/" + bad.text() + ".2")));
  CHECK(as_text(read_file(scratch / ("damaged/" + bad.text()), 100)) == "rubbish");
  // Put back by hand when it is whole again, it is sent.
  replace_file(scratch / bad.text(), octets_of(1, 100), 0600);
  spool.refresh();
  CHECK(spool.examine(bad).condition == Condition::whole);
  CHECK(spool.due(0, 500, 1000, 10).size() == 2);
}

TEST_CASE("an envelope that reads well and is sent badly three times is damaged") {
  const Scratch scratch;
  const auto name = put(scratch.path, 1, 100);
  Spool spool(scratch.path);
  spool.refresh();
  for (int i = 0; i < 2; ++i) {
    spool.suspect(name);
    CHECK(spool.due(0, 500, 1000, 10).front().suspect);
    CHECK(spool.examine(name).condition == Condition::whole);
    CHECK_FALSE(spool.due(0, 500, 1000, 10).front().suspect);
  }
  spool.suspect(name);
  CHECK(spool.examine(name).condition == Condition::damaged);
}

TEST_CASE("an empty envelope is read before the line is opened for it") {
  const Scratch scratch;
  const auto name = put(scratch.path, 1, 100);
  fs::resize_file(scratch / name.text(), 0);
  Spool spool(scratch.path);
  spool.refresh();
  REQUIRE(spool.due(0, 500, 1000, 10).size() == 1);
  CHECK(spool.due(0, 500, 1000, 10).front().suspect);
}

TEST_CASE("what is refused twice has moved: refused/ holds it") {
  const Scratch scratch;
  const auto name = put(scratch.path, 1, 100);
  Spool spool(scratch.path);
  spool.refresh();
  spool.refuse(name);
  put(scratch.path, 1, 100);
  spool.refresh();
  spool.refuse(name);
  CHECK_FALSE(exists(scratch / name.text()));
  CHECK(fs::directory_iterator(scratch / "refused") != fs::directory_iterator());
  CHECK_FALSE(exists(scratch / ("refused/" + name.text() + ".2")));
}

TEST_CASE("a folder of the spool that vanished, or is a file, is made again") {
  const Scratch scratch;
  put(scratch.path, 1, 100);
  put(scratch.path, 2, 100);
  overwrite(scratch / "kept", "a file");
  Spool spool(scratch.path);
  spool.refresh();
  CHECK(exists(scratch / "kept.in-the-way"));
  fs::remove_all(scratch / "refused");
  fs::remove_all(scratch / "kept");
  const auto due = spool.due(0, 500, 1000, 10);
  spool.refuse(due[0].name);
  CHECK(exists(scratch / ("refused/" + due[0].name.text())));
  CHECK(spool.remove({due[1].name}, *parse_keep("7d"), 5'000).empty());
  CHECK(exists(scratch / ("kept/" + due[1].name.text())));
}

TEST_CASE("a spool that is another directory than at the start ends the work") {
  const Scratch scratch;
  fs::create_directory(scratch / "spool");
  Spool spool(scratch / "spool");
  spool.refresh();
  fs::rename(scratch / "spool", scratch / "away");
  fs::create_directory(scratch / "spool");
  CHECK_THROWS_WITH_AS(spool.refresh(), doctest::Contains("another directory"), Error);
}

TEST_CASE("an envelope that cannot be removed costs those behind it nothing") {
  const Scratch scratch;
  const auto first = put(scratch.path, 1, 100), second = put(scratch.path, 2, 100);
  Spool spool(scratch.path);
  spool.refresh();
  fs::remove(scratch / first.text());
  fs::create_directory(scratch / first.text());
  CHECK(spool.remove({first, second}, {}, 0).size() == 1);
  CHECK_FALSE(exists(scratch / second.text()));
  CHECK(spool.backlog().count == 0);
}

// ---- kept -----------------------------------------------------------------------------------------------------------------------------

static constexpr TimeMs kDay = 24LL * 3600 * 1000, kHour = 3600LL * 1000;

TEST_CASE("what is kept has the age that the server's signed times give it, whatever the camera's clock says") {
  const Scratch scratch;
  const TimeMs start = 1'900'000'000'000;  // years from now
  for (std::uint64_t s = 1; s <= 3; ++s) put(scratch.path, s, 100);
  Spool spool(scratch.path);
  spool.refresh();
  const auto due = spool.due(0, 500, 1000, 10);
  const auto keep = *parse_keep("7d");
  AgeClock clock(scratch / "kept-age", 0);
  spool.prune_kept(keep, clock);  // no receipt yet: nothing has an age
  for (int i = 0; i < 3; ++i) {
    clock.hear(start + i * kDay);
    CHECK(spool.remove({due[static_cast<std::size_t>(i)].name}, keep, start + i * kDay).empty());
  }
  const auto left = [&] { return list_envelopes(open_dir(scratch / "kept").get()).size(); };
  spool.prune_kept(keep, clock);
  CHECK(left() == 3);
  for (int day = 3; day <= 8; ++day) clock.hear(start + day * kDay);
  spool.prune_kept(keep, clock);
  CHECK(left() == 2);
}

TEST_CASE("a server's clock that is ahead for less than an hour makes nothing old") {
  const Scratch scratch;
  const TimeMs start = 1'900'000'000'000;
  const auto file = scratch / "kept-age";
  AgeClock clock(file, start);
  clock.hear(start + 30 * kDay);
  CHECK(clock.now() == start);
  CHECK(AgeClock(file, start + 30 * kDay).now() == start);  // a restart believes no more
  clock.hear(start + 30 * kDay + kHour - 1);
  CHECK(clock.now() == start);
  clock.hear(start + kHour);
  CHECK(clock.now() == start + kHour);
  CHECK_FALSE(AgeClock(file, start + kHour).is_doubting());
  // A camera that was away for a month hears the same times, for an hour.
  clock.hear(start + 30 * kDay);
  clock.hear(start + 30 * kDay + kHour);
  CHECK(clock.now() == start + 30 * kDay + kHour);
}

TEST_CASE("what was kept while the server's clock was ahead gets an age when it is right again") {
  const Scratch scratch;
  const TimeMs start = 1'900'000'000'000;
  const auto name = put(scratch.path, 1, 100);
  Spool spool(scratch.path);
  spool.refresh();
  const auto keep = *parse_keep("7d");
  AgeClock clock(scratch / "kept-age", start);
  clock.hear(start + 300 * kDay);
  CHECK(spool.remove({name}, keep, start + 300 * kDay).empty());
  spool.prune_kept(keep, clock);
  clock.hear(start + 1);
  spool.prune_kept(keep, clock);
  CHECK(list_envelopes(open_dir(scratch / "kept").get()).front().modified == start + 1);
}

// ---- state ----------------------------------------------------------------------------------------------------------------------------

struct CameraState {
  Scratch scratch;
  Context context;
  std::vector<std::string> said;
  CameraState() {
    context.paths.state_dir = scratch.path;
    context.paths.keys = scratch / "keys";
    context.paths.spool = scratch / "spool";
    context.state = scratch / "state";
    context.run_lock = scratch / "run.lock";
    context.chain_lock = scratch / "chain.lock";
    make_state_dirs(context);
  }
  void mend() {
    mend_state(context, [this](const LogLine& line) { said.push_back(line.text()); });
  }
  [[nodiscard]] std::string file(const std::string& name) const { return context.state + "/" + name; }
};

TEST_CASE("whatever a disk makes of a file that can be made again, it is put aside, said once, and made again") {
  using Harm = void (*)(const std::string&);
  const std::pair<const char*, Harm> harms[] = {
      {"zeros", [](const std::string& path) { overwrite(path, std::string(64, '\0')); }},
      {"empty", [](const std::string& path) { overwrite(path, ""); }},
      {"half a line", [](const std::string& path) { overwrite(path, "format = 1\nerr"); }},
      {"another format", [](const std::string& path) { overwrite(path, "format = 9\n"); }},
      {"too large", [](const std::string& path) { overwrite(path, std::string(kLargestTextFile + 1, '#')); }},
      {"a folder", [](const std::string& path) {
         fs::remove_all(path);
         fs::create_directories(path + "/in/it");
       }}};
  for (const auto* name : {"link", "heartbeat", "renewal", "kept-age", "gaps", "unsealed"})
    for (const auto& [what, harm] : harms) {
      INFO(name << ": " << what);
      CameraState camera;
      harm(camera.file(name));
      camera.mend();
      REQUIRE(camera.said.size() == 1);
      CHECK(camera.said.front().find(name) != std::string::npos);
      CHECK(exists(camera.file(name) + ".damaged"));
      CHECK(load_link_state(camera.file("link")).error.empty());
      Heartbeat(camera.context).beaten_in_run();
      StatedGaps(camera.file("gaps")).add({{{}, 1, 1, "vanished", false}});
      Unsealed unsealed(camera.context.state);
      CHECK_FALSE(unsealed.is_open());
      unsealed.look({"a"});
      unsealed.forget();
      camera.mend();
      CHECK(camera.said.size() == 1);
    }
}

TEST_CASE("a chain's file that cannot be read begins a new chain; one of a newer format is left alone") {
  CameraState camera;
  overwrite(camera.file("chain"), std::string(64, '\0'));
  camera.mend();
  CHECK(camera.said.size() == 1);
  CHECK_FALSE(exists(camera.file("chain")));
  fs::create_directory(camera.file("chain"));
  camera.mend();
  CHECK(exists(camera.file("chain.damaged.2")));
  overwrite(camera.file("chain"), "format = 2\n");
  CHECK_THROWS_WITH_AS(camera.mend(), doctest::Contains("newer than this program"), Error);
}

TEST_CASE("receipts that were lost stay lost over restarts, until somebody proves one fresh") {
  for (const bool is_folder : {false, true}) {
    CameraState camera;
    if (is_folder)
      fs::create_directory(camera.file("receipt"));
    else
      overwrite(camera.file("receipt"), "format = 1\nnumber = 7");  // no time, no runs: written by nobody
    if (!is_folder) overwrite(camera.file("receipt"), std::string(64, '\0'));
    camera.mend();
    CHECK(camera.said.size() == 1);
    CHECK(exists(camera.file("receipt.damaged")));
    CHECK(load_receipt_state(camera.file("receipt")).is_lost);
    camera.mend();
    CHECK(camera.said.size() == 1);
    CHECK(load_receipt_state(camera.file("receipt")).is_lost);
  }
  CameraState camera;
  overwrite(camera.file("receipt"), "format = 2\n");
  CHECK_THROWS_WITH_AS(camera.mend(), doctest::Contains("newer than this program"), Error);
}

TEST_CASE("receipts that are missing are lost when envelopes are gone, and not on a new camera") {
  CameraState camera;
  camera.mend();
  CHECK_FALSE(load_receipt_state(camera.file("receipt")).is_lost);
  ChainState chain;
  chain.base = 3;
  overwrite(camera.file("chain"), format_chain(chain));
  put(camera.context.paths.spool, 1, 100);
  put(camera.context.paths.spool, 2, 100);
  camera.mend();
  CHECK_FALSE(load_receipt_state(camera.file("receipt")).is_lost);
  for (const auto& one : fs::directory_iterator(camera.context.paths.spool)) fs::remove_all(one);
  camera.mend();
  CHECK(load_receipt_state(camera.file("receipt")).is_lost);
}

TEST_CASE("a folder in the place of a lock, or a file in that of the spool, is moved out of the way") {
  CameraState camera;
  fs::create_directory(camera.context.run_lock);
  fs::remove_all(camera.context.paths.spool);
  overwrite(camera.context.paths.spool, "a file");
  make_state_dirs(camera.context);
  CHECK(FileLock::try_lock(camera.context.run_lock));
  CHECK(exists(camera.context.paths.spool + "/."));
}

TEST_CASE("that the line is down is said after a day, and then once a day") {
  LinkState link;
  const TimeMs start = 1'800'000'000'000;
  CHECK(note_contact(link, "", start));
  CHECK_FALSE(note_contact(link, "", start + 1));  // a card wears out
  CHECK(note_contact(link, "refused", start + 2));
  CHECK_FALSE(note_contact(link, "refused", start + 3));
  CHECK(note_contact(link, "no route", start + kHour));
  CHECK(link.down_since == start + 2);
  CHECK_FALSE(is_to_be_said(link, start + kDay));
  CHECK(is_to_be_said(link, start + 2 + kDay));
  link.said_at = start + 2 + kDay;
  CHECK_FALSE(is_to_be_said(link, start + 3 + kDay));
  CHECK(is_to_be_said(link, start + 2 + 2 * kDay));
  CHECK(is_to_be_said(link, start - 300 * kDay));  // a clock that was set back
  const Scratch scratch;
  save_link_state(scratch / "link", link);
  const auto again = load_link_state(scratch / "link");
  CHECK(again.down_since == link.down_since);
  CHECK(again.said_at == link.said_at);
  CHECK(note_contact(link, "", start + 3 * kDay));
  CHECK_FALSE(is_to_be_said(link, start + 9 * kDay));
}

}  // namespace shutterseal::uploader
