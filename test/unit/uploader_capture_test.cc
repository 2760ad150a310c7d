// SPDX-License-Identifier: Apache-2.0
// The capture directory: whose files are judged, what is said of it, what is kept aside.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/commit.h"
#include "src/base/file.h"
#include "src/uploader/capture.h"
#include "test/unit/scratch.h"

namespace shutterseal::uploader {

static const std::string kShaped = "\xff\xd8\xff\xe0 some octets \xff\xd9";

static void write(const std::string& path, const std::string& content) { replace_file(path, as_bytes(content), 0600); }

TEST_CASE("customary names of half uploads are left alone, whatever their case, and so are those that are configured") {
  const IgnoredNames usual(default_ignored());
  for (const auto* name : {"a.jpg.part", "a.PARTIAL", "a.jpg.filepart", "a.jpg.crdownload", "a.jpg~", "a.tmp", ".a.jpg", "a.mp4.thumb", "lost+found"})
    CHECK(usual.has(name, name));
  for (const auto* name : {"a.jpg", "part", "a.jpg.part1", "a.partial.jpg", "tmp"}) CHECK_FALSE(usual.has(name, name));
  const IgnoredNames own({"old/*  *.x", ""});
  CHECK(own.has("a.jpg", "old/a.jpg"));
  CHECK(own.has("a.X", "a.X"));
  CHECK_FALSE(own.has("a.part", "a.part"));
}

TEST_CASE("a picture by its name, and one of another format") {
  for (const auto* name : {"a.jpg", "A.JPG", "b.jpeg", "b.JpE", "x.y.jfif"}) CHECK(is_picture_name(name));
  for (const auto* name : {"jpg", ".jpg", "a.jpg.mp4", "a.png", "a."}) CHECK_FALSE(is_picture_name(name));
  CHECK(other_picture_suffix("a.WebP") == ".webp");
  CHECK(other_picture_suffix("a.mp4").empty());
  CHECK(has_no_suffix("snapshot"));
}

TEST_CASE("a trouble is said once, over restarts, too; stated when it lasts; and its end is said") {
  const Scratch scratch;
  const auto file = scratch / "troubles";
  {
    Troubles troubles(file);
    CHECK(troubles.note(Looking::at_files, "unreadable", "a\n.jpg"));
    CHECK_FALSE(troubles.note(Looking::at_files, "unreadable", "a\n.jpg"));
    CHECK(troubles.note(Looking::at_place, "capture-dir missing", "/c"));
    const auto lines = troubles.settle(Looking::at_files, 1000);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].text() == "trouble reason=unreadable subject=\"a\\x0a.jpg\"");
    CHECK(troubles.due(100'000).empty() == false);
  }
  Troubles troubles(file);
  CHECK_FALSE(troubles.note(Looking::at_files, "unreadable", "a\n.jpg"));
  CHECK(troubles.settle(Looking::at_files, 200'000).empty());
  for (const auto& one : troubles.due(200'000)) CHECK(one.note == "trouble capture-dir missing");
  const auto over = troubles.settle(Looking::at_files, 300'000);
  REQUIRE(over.size() == 1);
  CHECK(over[0].text() == "trouble-over reason=unreadable subject=\"a\\x0a.jpg\"");
}

TEST_CASE("what merely has just begun, or keeps no picture waiting, is not stated") {
  const Scratch scratch;
  Troubles troubles(scratch / "troubles");
  troubles.note(Looking::at_files, "unreadable", "a");
  troubles.note(Looking::at_files, "unreadable", "b");
  troubles.note(Looking::at_files, "no-jpeg", "*.png", Weight::told);
  CHECK(troubles.settle(Looking::at_files, 1000).size() == 3);
  CHECK(troubles.due(2000).empty());
  const auto due = troubles.due(12'000);
  REQUIRE(due.size() == 1);
  CHECK(due[0].note == "trouble 2 unreadable");
  CHECK(troubles.due(30'000).empty());
}

TEST_CASE("thousands of troubles cost no more than some hundred, and a damaged file is an empty one") {
  const Scratch scratch;
  Troubles troubles(scratch / "troubles");
  for (int n = 0; n < 5000; ++n) troubles.note(Looking::at_files, "unreadable", std::to_string(n));
  CHECK(troubles.settle(Looking::at_files, 1000).size() <= 20);
  CHECK(troubles.all().size() == 200);
  CHECK(troubles.untold() == 4800);
  write(scratch / "damaged", std::string(64, '\0'));
  CHECK(Troubles(scratch / "damaged").all().empty());
}

TEST_CASE("a place is the same until its path, or its folder for claims, leads elsewhere") {
  const Scratch scratch;
  Place place(scratch / "c");
  place.open();
  CHECK(place.reason() == "missing");
  REQUIRE(::mkdir((scratch / "c").c_str(), 0700) == 0);
  place.open();
  CHECK(place.is_same());
  REQUIRE(::rmdir((scratch / "c/.claimed").c_str()) == 0);
  CHECK_FALSE(place.is_same());
  CHECK_FALSE(place.is_elsewhere());
  place.open();
  CHECK(place.is_same());
  REQUIRE(::rename((scratch / "c").c_str(), (scratch / "d").c_str()) == 0);
  REQUIRE(::mkdir((scratch / "c").c_str(), 0700) == 0);
  CHECK(place.is_elsewhere());
  CHECK_FALSE(place.is_deleted());
  write(scratch / "file", "x");
  Place file(scratch / "file");
  file.open();
  CHECK(file.reason() == "no-directory");
}

TEST_CASE("rejected/ keeps to its limit, and says what it removed; what grew is told over a restart") {
  const Scratch scratch;
  const auto from = open_dir(scratch.path), to = make_dir_at(from.get(), "rejected", 0700);
  Rejected rejected(scratch / "state", 100'000);
  CHECK(rejected.take(from.get(), "missing", "missing", "other", nullptr).empty());
  rejected.lies_in(to.get());
  for (const auto* name : {"a", "b", "c"}) {
    write(scratch / name, std::string(40'000, 'x'));
    const auto judged = open_hostile(from.get(), name);
    CHECK(rejected.take(from.get(), name, "same", name, &judged.info) == (name == std::string("a") ? "same" : name));
  }
  CHECK(rejected.trim().size() == 1);
  CHECK(list_dir(to.get()).size() == 2);
  Rejected again(scratch / "state", 100'000);
  again.lies_in(to.get());
  CHECK(again.changed().empty());
  const auto grown = list_dir(to.get()).front();
  const Fd file(::openat(to.get(), grown.c_str(), O_WRONLY | O_APPEND));
  write_all(file.get(), as_bytes("more"), grown);
  CHECK(again.changed() == std::vector{grown});
}

TEST_CASE("finished pictures are claimed, the others stay; one that cannot be sealed is not given again at once") {
  const Scratch scratch;
  UploadSettings settings;
  settings.capture_dir = scratch / "c";
  REQUIRE(::mkdir((scratch / "c").c_str(), 0700) == 0);
  Troubles troubles(scratch / "troubles");
  Capture capture(settings, scratch.path, troubles);
  capture.open();
  write(scratch / "c/a.jpg", kShaped);
  write(scratch / "c/young.jpg", "\xff\xd8\xff half");
  write(scratch / "c/b.db", "text");
  const Fd writer(::open((scratch / "c/held.jpg").c_str(), O_WRONLY | O_CREAT, 0600));
  write_all(writer.get(), as_bytes(kShaped), "held");
  const auto claimed = capture.claim_finished(10);
  REQUIRE(claimed.size() == 1);
  CHECK(original_name(claimed[0]) == "a.jpg");
  CHECK(capture.counts().young == 2);
  CHECK(capture.counts().others == 1);
  CHECK(capture.claimed() == claimed);
  capture.postpone(claimed[0], "still changing", Capture::kLongPauseMs);
  CHECK(capture.claimed().empty());
}

}  // namespace shutterseal::uploader
