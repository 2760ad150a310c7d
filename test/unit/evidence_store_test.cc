// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "src/base/error.h"
#include "src/evidence/evidence.h"
#include "test/unit/scratch.h"

namespace shutterseal::evidence {

static Item item(const char* camera, std::uint64_t sequence, TimeMs received, std::string_view content) {
  Item item{.camera = *CameraId::parse(camera), .chain = {}, .sequence = sequence, .digest = {}, .received_at = received, .content = as_bytes(content)};
  item.digest.octets.fill(static_cast<std::uint8_t>(sequence));
  return item;
}

static std::vector<Location> locations_of(const std::vector<Put>& answers) {
  std::vector<Location> all;
  for (const auto& one : answers) {
    CHECK_FALSE(one.trouble);
    all.push_back(one.location);
  }
  return all;
}

static std::string ones(char digit, std::size_t pairs) {
  std::string text;
  for (std::size_t i = 0; i < pairs; ++i) text += std::string("0") + digit;
  return text;
}

// Of one camera: items by name, and what is none of ours.
struct Seen {
  std::vector<std::string> items, strangers;
};
static Seen look(const Store& store, const char* camera) {
  Seen seen;
  const auto id = *CameraId::parse(camera);
  const auto complain = [&](const std::string& where, const std::string&) { seen.strangers.push_back(where); };
  for (const auto& folder : store.folders(id, complain)) {
    try {
      store.list(id, folder, [&](const Store::Found& one) { seen.items.push_back(one.location); }, complain);
    } catch (const Error& error) {
      seen.strangers.push_back(folder);
    }
  }
  std::sort(seen.items.begin(), seen.items.end());
  return seen;
}

static constexpr TimeMs kTen = 1795428672345;  // 2026-11-23, ten o'clock and some minutes

TEST_CASE("what was put is found by receiving time under the whole digest, and putting it again is fine") {
  const Scratch scratch;
  const auto store = open_directory_store(scratch / "evidence");
  const std::vector<Item> group{item("101", 1, kTen, "one"), item("101", 2, kTen + 3'600'000, "two"), item("102", 1, kTen, "three")};
  const auto locations = locations_of(store->put(group));
  CHECK(locations[0] == "cam-101/2026-11-23/10/1795428672345-00000000-1-" + ones('1', 32) + ".p7m");
  CHECK(locations_of(store->put(group)) == locations);
  CHECK(as_text(store->get(locations[2], 100)) == "three");
  CHECK(store->contains(locations[0], 3));
  CHECK_FALSE(store->contains(locations[0], 4));
  std::ofstream(scratch / "evidence/cam-101/2026-11-23/10/stranger") << "x";
  std::ofstream(scratch / "evidence/note") << "x";
  const auto seen = look(*store, "101");
  CHECK(seen.items == std::vector{locations[0], locations[1]});
  CHECK(seen.strangers == std::vector<std::string>{"cam-101/2026-11-23/10/stranger"});
  std::vector<std::string> strangers;
  CHECK(store->cameras([&](const std::string& where, const std::string&) { strangers.push_back(where); }).size() == 2);
  CHECK(strangers == std::vector<std::string>{"note"});
  store->remove(locations[0]);
  CHECK_THROWS_AS(static_cast<void>(store->get(locations[0], 100)), Error);
  CHECK_FALSE(store->contains(locations[0], 3));
}

TEST_CASE("names of older versions, with a part of the digest, are found, and nothing that looks alike") {
  const Scratch scratch;
  const auto store = open_directory_store(scratch / "evidence");
  const auto location = store->put({item("101", 1, kTen, "one")}).front().location;
  const auto folder = (scratch / "evidence") + "/" + location.substr(0, location.rfind('/') + 1);
  const std::string stem = "1795428672345-00000000-7-";
  for (const auto& name : {ones('7', 8), ones('7', 32) + "-2"}) std::ofstream(folder + stem + name + ".p7m") << "x";
  for (const auto& name : {ones('7', 7), ones('7', 8) + "-2", ones('7', 31), ones('7', 32) + "-1", ones('7', 32) + "-2-2"}) std::ofstream(folder + stem + name + ".p7m") << "x";
  const auto seen = look(*store, "101");
  CHECK(seen.items.size() == 3);
  CHECK(seen.strangers.size() == 5);
}

TEST_CASE("what has the name and other bytes keeps it, and the item gets another") {
  const Scratch scratch;
  const auto store = open_directory_store(scratch / "evidence");
  const auto first = store->put({item("101", 1, 1000, "one")}).front().location;
  const auto second = store->put({item("101", 1, 1000, "two")}).front();
  CHECK_FALSE(second.trouble);
  CHECK(second.taken == first);
  CHECK(as_text(store->get(first, 100)) == "one");
  CHECK(as_text(store->get(second.location, 100)) == "two");
  CHECK(store->put({item("101", 1, 1000, "two")}).front().location == second.location);
  CHECK(look(*store, "101").items.size() == 2);
  // A folder in its way, too.
  const auto other = item("101", 2, 1000, "three");
  std::filesystem::create_directory((scratch / "evidence") + "/" + first.substr(0, first.rfind('/')) + "/1000-00000000-2-" + ones('2', 32) + ".p7m");
  CHECK(as_text(store->get(store->put({other}).front().location, 100)) == "three");
}

TEST_CASE("one camera's place takes nothing: the others of its group are stored, and it is as soon as it can be") {
  const Scratch scratch;
  const auto root = scratch / "evidence";
  const auto store = open_directory_store(root);
  const std::vector<Item> group{item("101", 1, kTen, "one"), item("102", 1, kTen, "two"), item("101", 2, kTen, "three")};
  const auto trial = [&](const std::function<void()>& break_it, const std::function<void()>& mend) {
    break_it();
    const auto answers = store->put(group);
    CHECK(answers[0].trouble);
    CHECK_FALSE(answers[1].trouble);
    CHECK(answers[2].trouble);
    CHECK_THROWS_AS(store->probe(group[0].camera, kTen), Error);
    CHECK_NOTHROW(store->probe(group[1].camera, kTen));
    CHECK_THROWS_AS(static_cast<void>(store->draft(group[0].camera, kTen, as_bytes("x"))), Error);
    mend();
    store->forget(group[0].camera);
    CHECK_NOTHROW(store->probe(group[0].camera, kTen));
    locations_of(store->put(group));
    std::filesystem::remove_all(root + "/cam-101");
  };
  const auto in_the_way = [&](const std::string& path) {
    trial([&] { std::filesystem::create_directories(std::filesystem::path(root + path).parent_path()); std::ofstream(root + path) << "x"; }, [&] { std::filesystem::remove(root + path); });
  };
  in_the_way("/cam-101");
  in_the_way("/cam-101/2026-11-23");
  in_the_way("/cam-101/2026-11-23/10");
  const auto elsewhere = scratch / "elsewhere";
  std::filesystem::create_directory(elsewhere);
  trial([&] { std::filesystem::create_directory_symlink(elsewhere, root + "/cam-101"); }, [&] { std::filesystem::remove(root + "/cam-101"); });
  trial([&] { std::filesystem::create_directory_symlink(root + "/cam-101", root + "/cam-101"); }, [&] { std::filesystem::remove(root + "/cam-101"); });
}

TEST_CASE("a folder that was moved away takes nothing that nobody would find") {
  const Scratch scratch;
  const auto root = scratch / "evidence";
  const auto store = open_directory_store(root);
  locations_of(store->put({item("101", 1, kTen, "one")}));
  std::filesystem::rename(root + "/cam-101/2026-11-23", scratch / "moved");
  const auto location = locations_of(store->put({item("101", 2, kTen, "two")})).front();
  CHECK(store->contains(location, 3));
  std::filesystem::remove_all(root + "/cam-101");
  CHECK(store->contains(locations_of(store->put({item("101", 3, kTen, "three")})).front(), 5));
}

TEST_CASE("a folder's stamp changes with its names, and says nothing of what was changed just now") {
  const Scratch scratch;
  const auto store = open_directory_store(scratch / "evidence");
  const auto location = store->put({item("101", 1, kTen, "one")}).front().location;
  const auto folder = store->folder_at(*CameraId::parse("101"), kTen);
  CHECK(location.starts_with(folder + "/"));
  CHECK(store->stamp(folder) == 0);
  const auto path = (scratch / "evidence") + "/" + folder;
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  const auto stamp = store->stamp(folder);
  CHECK(stamp != 0);
  CHECK(store->stamp(folder) == stamp);
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  CHECK(store->stamp(folder) != stamp);
  CHECK(store->stamp("cam-101/nowhere") == 0);
}

}  // namespace shutterseal::evidence
