// SPDX-License-Identifier: Apache-2.0
// Which alerts go, what they say, and who is silent.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "src/base/file.h"
#include "src/ingestd/alarm.h"
#include "test/unit/scratch.h"

namespace shutterseal::ingestd {

static Alert alert(const std::string& camera, const std::string& kind) { return {camera, kind, "5f", "7", "", "", 1, "note"}; }

TEST_CASE("an alert goes to the runner and back, and nothing else is one") {
  const auto one = alert("101", "tamper");
  const auto text = format_alert(one);
  REQUIRE(parse_alert(text));
  CHECK(format_alert(*parse_alert(text)) == text);
  CHECK(environment_of(one).front() == "SHUTTERSEAL_CAMERA=101");
  const auto spoilt = [&text](const std::string& from, const std::string& to) {
    auto other = text;
    other.replace(other.find(from), from.size(), to);
    return parse_alert(other);
  };
  CHECK(spoilt("CAMERA=101", "CAMERA=-"));
  CHECK_FALSE(spoilt("CAMERA=101", "CAMERA=../x"));
  CHECK_FALSE(spoilt("CAMERA=101", "PATH=/tmp"));
  CHECK_FALSE(spoilt("KIND=tamper", "KIND=$(id)"));
  CHECK_FALSE(spoilt("COUNT=1", "COUNT=x"));
  CHECK_FALSE(spoilt("note\n", "note\nLD_PRELOAD=/tmp/x\n"));
  CHECK_FALSE(spoilt("note", "\x1b[2J"));
  CHECK_FALSE(parse_alert(text.substr(0, text.size() - 1)));
  CHECK_FALSE(parse_alert(""));
  CHECK_FALSE(parse_alert(text + std::string(kLargestAlert, 'x')));
}

TEST_CASE("only words that are known are kinds") {
  CHECK(kind_of("tamper") == "tamper");
  CHECK(kind_of("gap 12-19 disk-full") == "gap");
  CHECK(kind_of("trouble capture-dir missing") == "trouble");
  CHECK(kind_of("tampering") == "other");
  CHECK(kind_of("x kind=tamper") == "other");
  CHECK(kind_of("silent") == "other");  // the daemon's own word: no camera says it
  CHECK(kind_of("") == "other");
}

TEST_CASE("the first goes at once, what follows within the pause is counted") {
  AlertQueue queue(1000);
  for (int i = 0; i < 5; ++i) queue.add(alert("101", "tamper"));
  auto next = queue.next(10);
  REQUIRE(next);
  CHECK(next->count == 5);
  queue.sent(*next, 10);
  CHECK_FALSE(queue.next(10));
  queue.add(alert("101", "tamper"));
  queue.add(alert("101", "power"));
  next = queue.next(20);
  REQUIRE(next);
  CHECK(next->kind == "power");
  queue.sent(*next, 20);
  CHECK_FALSE(queue.next(1000));
  next = queue.next(1010);
  REQUIRE(next);
  CHECK(next->kind == "tamper");
  CHECK(next->count == 1);
}

TEST_CASE("what could not be sent stays") {
  AlertQueue queue(1000);
  queue.add(alert("101", "tamper"));
  CHECK(queue.next(1));
  CHECK(queue.next(2));
  CHECK(queue.rest()->kind == "tamper");
}

TEST_CASE("what was handed over waits until its command has started, and again when it could not be or the runner is gone") {
  AlertQueue queue(1000);
  auto tamper = alert("101", "tamper");
  tamper.oldest = 7;
  queue.add(tamper);
  queue.sent(*queue.next(1), 1);
  CHECK_FALSE(queue.next(2));
  CHECK(queue.oldest() == 7);
  queue.line_lost();
  CHECK_FALSE(queue.is_on_its_way());
  REQUIRE(queue.next(2));
  queue.sent(*queue.next(2), 2);
  queue.add(alert("101", "tamper"));
  queue.not_started(3);
  CHECK_FALSE(queue.next(1002));
  REQUIRE(queue.next(1003));
  CHECK(queue.next(1003)->count == 2);
  CHECK(queue.oldest() == 7);
  queue.sent(*queue.next(1003), 1003);
  CHECK(queue.started().size() == 1);
  CHECK(queue.oldest() == kLatestTime);
  CHECK(queue.started().empty());
}

TEST_CASE("of silent and back the newer one waits alone, whatever comes back from the runner") {
  AlertQueue queue(1000);
  queue.add(alert("101", "silent"));
  queue.add(alert("102", "silent"));
  queue.add(alert("101", "back"));
  auto next = queue.next(1);
  REQUIRE(next);
  CHECK(next->camera + next->kind == "101back");
  queue.sent(*next, 1);
  queue.add(alert("101", "silent"));
  queue.line_lost();
  next = queue.next(1);
  REQUIRE(next);
  CHECK(next->camera + next->kind == "101silent");
  queue.sent(*next, 1);
  CHECK(queue.next(1)->camera == "102");
}

TEST_CASE("a thousand cameras at once are a few messages, of which the last counts all the others") {
  AlertQueue queue(1000);
  for (int i = 0; i < 1000; ++i) queue.add(alert("c" + std::to_string(i), "silent"));
  std::size_t messages = 0;
  std::uint64_t counted = 0;
  std::string last;
  while (const auto next = queue.next(1)) {
    ++messages;
    counted += next->count;
    last = next->kind + ": " + next->note;
    queue.sent(*next, 1);
  }
  CHECK(messages == 20);
  CHECK(counted == 1000);
  CHECK(last == "many: 981 alarms of 981 cameras: silent 981");
  CHECK_FALSE(queue.rest());
  queue.add(alert("101", "tamper"));
  CHECK_FALSE(queue.next(2));
  CHECK(queue.next(10'001));  // one in ten seconds from then on
}

static registry::Registry with_camera(const Scratch& scratch, registry::State state) {
  const registry::Registry registry(scratch.path);
  const auto id = *CameraId::parse("101");
  if (!registry.find(id))
    registry.enrol({.id = id, .uid = 1, .enrolled = 1, .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = {}, .networks = {}, .services = {}}, "", "aa", "");
  static_cast<void>(registry.update(id, [&](registry::Camera& camera) { camera.state = state; }));
  return registry;
}

// For longer than a camera with an interval of one millisecond may take.
static constexpr TimeMs kMinute = 60'000, kDay = 24 * 60 * kMinute, kWeek = 7 * kDay, kThen = 1'700'000'000'000;
static constexpr Silence::Limits kLimits{0, kWeek};

static bool stays_quiet(Silence& silence) {
  bool quiet = true;
  for (const auto until = monotonic_ms() + 10; monotonic_ms() < until;) quiet = silence.look().empty() && quiet;
  return quiet;
}

TEST_CASE("a camera falls silent once, is back once, and a restart tells it neither again") {
  const Scratch registry_dir, state;
  const auto id = *CameraId::parse("101");
  const auto registry = with_camera(registry_dir, registry::State::active);
  const server::HeardFiles files(state / "heard");
  {
    Silence silence(files, registry, kLimits);
    CHECK(silence.heard(id, std::nullopt, 1'800'000'000'000).empty());
    CHECK_FALSE(files.find(id));
    CHECK(silence.look().empty());  // it stated no interval
    CHECK(files.find(id)->last == 1'800'000'000'000);
    CHECK(silence.heard(id, 900'000, 1'800'000'000'000).empty());
    silence.save();
    CHECK(files.find(id)->interval_ms == 900'000);
  }
  files.write(id, {1'800'000'000'000, 1, std::nullopt});
  Silence silence(files, registry, kLimits);
  while (silence.look().empty()) {
  }
  CHECK(files.find(id)->silent_since == 1'800'000'000'000);
  CHECK(silence.look().empty());
  {
    Silence restarted(files, registry, kLimits);
    const auto again = restarted.look();
    REQUIRE(again.size() == 1);  // its command had not started
    CHECK(again.front().what == Silence::What::silent);
    CHECK(again.front().last == 1'800'000'000'000);
  }
  silence.told(id, Silence::What::silent);
  silence.save();
  Silence restarted(files, registry, kLimits);
  CHECK(stays_quiet(restarted));
  const auto back = restarted.heard(id, std::nullopt, 1'800'000'060'000);
  REQUIRE(back.size() == 1);
  CHECK(back.front().what == Silence::What::back);
  CHECK(back.front().after_ms == 60'000);
  Silence later(files, registry, {1'000'000, kWeek});
  const auto words = later.look();
  REQUIRE(words.size() == 1);
  CHECK(words.front().what == Silence::What::back);
  CHECK(words.front().after_ms == 60'000);
  CHECK(restarted.heard(id, std::nullopt, 1'800'000'061'000).empty());
  CHECK_FALSE(files.find(id)->silent_since);
  CHECK(files.find(id)->interval_ms == 1);
}

TEST_CASE("files that cannot be written or were removed keep nobody's silence from being told") {
  const Scratch registry_dir, state;
  const auto id = *CameraId::parse("101"), broken = *CameraId::parse("100");
  const auto registry = with_camera(registry_dir, registry::State::active);
  const server::HeardFiles files(state / "heard");
  Silence silence(files, registry, kLimits);
  std::filesystem::create_directory(state / "heard/100");
  CHECK(silence.heard(broken, 900'000, 1'800'000'000'000).empty());
  CHECK(silence.heard(id, 900'000, 1'800'000'000'000).empty());
  CHECK(silence.look().empty());
  CHECK(silence.take_trouble());
  CHECK(files.find(id));
  std::filesystem::remove(state / "heard/101");
  CHECK(silence.heard(id, 1, 1'800'000'020'000).empty());
  CHECK_FALSE(silence.take_trouble());
  std::filesystem::rename(state / "heard", state / "gone");
  std::ofstream(state / "heard") << "no folder";
  std::vector<Silence::Word> words;
  while (words.empty()) words = silence.look();
  CHECK(words.front().camera == id);
  CHECK(silence.take_trouble());
  std::filesystem::remove(state / "heard");
  std::filesystem::rename(state / "gone", state / "heard");
  silence.save();
  CHECK(files.find(id)->silent_since == 1'800'000'020'000);
}

TEST_CASE("what was uploaded earlier and taken in later does not make a camera heard earlier") {
  const Scratch registry_dir, state;
  const auto id = *CameraId::parse("101");
  const auto registry = with_camera(registry_dir, registry::State::active);
  const server::HeardFiles files(state / "heard");
  Silence silence(files, registry, kLimits);
  const auto now = now_ms();
  CHECK(silence.heard(id, std::nullopt, now - 1).empty());
  CHECK(silence.heard(id, std::nullopt, now - 3600'000).empty());
  silence.save();
  CHECK(files.find(id)->last == now - 1);
}

TEST_CASE("a longer interval is told at once and counts a day later, a shorter one at once, and so does the one that was kept") {
  const Scratch registry_dir, state;
  const auto id = *CameraId::parse("101");
  const auto registry = with_camera(registry_dir, registry::State::active);
  const server::HeardFiles files(state / "heard");
  const auto counts = [&] { return files.find(id)->interval_ms; };
  {
    Silence silence(files, registry, kLimits);
    CHECK(silence.heard(id, 15 * kMinute, kThen).empty());
    const auto words = silence.heard(id, kDay, kThen + kMinute);
    REQUIRE(words.size() == 1);
    CHECK(words.front().what == Silence::What::changed);
    CHECK(words.front().claim == server::Claim{kDay, kThen + kMinute, 15 * kMinute, true});
    CHECK(silence.heard(id, std::nullopt, kThen + 2 * kMinute).empty());
    silence.save();
    CHECK(counts() == 15 * kMinute);
  }
  Silence silence(files, registry, kLimits);
  const auto owed = silence.look();  // no alert of it had started
  REQUIRE(owed.size() == 1);
  CHECK(owed.front().what == Silence::What::changed);
  silence.told(id, Silence::What::changed);
  const auto after = [&](std::int64_t stated, TimeMs at) {
    CHECK(silence.heard(id, stated, kThen + at).empty());
    silence.save();
    return counts();
  };
  CHECK(silence.look().empty());
  CHECK(after(kDay, 22 * 60 * kMinute) == 15 * kMinute);
  // What came before and is taken in later is no news.
  CHECK(after(kMinute, kMinute) == 15 * kMinute);
  CHECK(after(kDay, kDay + kMinute) == kDay);
  CHECK_FALSE(files.find(id)->claim);
  CHECK(after(kMinute, kDay + 2 * kMinute) == kMinute);
  CHECK(after(kDay, kDay + 3 * kMinute) == kDay);
  CHECK(after(kMinute, 2 * kDay) == kMinute);
  CHECK(after(kMinute, 3 * kDay) == kMinute);
  CHECK(silence.heard(id, kDay, kThen + 3 * kDay + 1).size() == 1);
  silence.save();
  CHECK(counts() == kMinute);
}

TEST_CASE("another interval in each heartbeat never counts, and one within silent-after is no news") {
  const Scratch registry_dir, state;
  const auto id = *CameraId::parse("101");
  const auto registry = with_camera(registry_dir, registry::State::active);
  const server::HeardFiles files(state / "heard");
  Silence silence(files, registry, {2 * kDay, kWeek});
  CHECK(silence.heard(id, 15 * kMinute, kThen).empty());
  CHECK(silence.heard(id, kDay, kThen + 1).empty());
  for (int i = 1; i < 10; ++i) CHECK(silence.heard(id, 2 * kDay - i * kMinute, kThen + i * kDay).size() == 1);
  silence.save();
  CHECK(files.find(id)->interval_ms == 15 * kMinute);
}

TEST_CASE("no stated interval lets a camera be away for longer than silent-most, and silent-after does") {
  const Scratch registry_dir, state;
  const auto id = *CameraId::parse("101");
  const auto registry = with_camera(registry_dir, registry::State::active);
  const server::HeardFiles files(state / "heard");
  files.make();
  files.write(id, {kThen, kWeek, std::nullopt});
  Silence patient(files, registry, {kDay, 1});
  CHECK(stays_quiet(patient));
  Silence silence(files, registry, {0, 1});
  while (silence.look().empty()) {
  }
  CHECK(files.find(id)->silent_since == kThen);
}

TEST_CASE("a camera that may not send is not silent") {
  const Scratch registry_dir, state;
  const auto id = *CameraId::parse("101");
  const server::HeardFiles files(state / "heard");
  files.make();
  files.write(id, {1'800'000'000'000, 1, std::nullopt});
  for (const auto which : {registry::State::suspended, registry::State::revoked, registry::State::removed}) {
    const auto registry = with_camera(registry_dir, which);
    Silence silence(files, registry, kLimits);
    CHECK(stays_quiet(silence));
  }
}

}  // namespace shutterseal::ingestd
