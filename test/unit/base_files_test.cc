// SPDX-License-Identifier: Apache-2.0
// Files that last, files of strangers, and text that is safe to print.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/ids.h"
#include "src/base/key_value.h"
#include "src/base/log.h"
#include "src/base/secret.h"
#include "src/base/text.h"
#include "src/base/verdict.h"
#include "test/unit/scratch.h"

namespace shutterseal {

TEST_CASE("a group gets all its names, and the same group again changes nothing") {
  const Scratch scratch;
  const auto dir = open_dir(scratch.path);
  for (const auto expected : {Linked::created, Linked::identical}) {
    CommitGroup group;
    group.add(dir.get(), "a", {as_bytes("one"), as_bytes("two")}, 0440, "a");
    group.add(dir.get(), "b", {as_bytes("three")}, 0600, "b");
    CHECK(group.commit() == std::vector{expected, expected});
  }
  CHECK(as_text(read_file(scratch / "a", 100)) == "onetwo");
  CommitGroup group;
  group.add(dir.get(), "a", {as_bytes("other!")}, 0440, "a");
  CHECK(group.commit() == std::vector{Linked::different});
  CHECK(as_text(read_file(scratch / "a", 100)) == "onetwo");
  CHECK_THROWS_AS(commit_file(scratch / "a", as_bytes("x"), 0600), Error);
}

TEST_CASE("a group that is given up leaves no file behind") {
  const Scratch scratch;
  const auto dir = open_dir(scratch.path);
  {
    CommitGroup group;
    group.add(dir.get(), "a", {as_bytes("one")}, 0600, "a");
  }
  CHECK(list_dir(dir.get()).empty());
}

TEST_CASE("names whose directory could not be synced are taken back, and nobody else's") {
  const Scratch scratch;
  commit_file(scratch / "old", as_bytes("one"), 0600);
  const Fd dir(::open(scratch.path.c_str(), O_PATH | O_DIRECTORY));  // fsync refuses such a descriptor
  CommitGroup group;
  group.add(dir.get(), "old", {as_bytes("one")}, 0600, "old");
  group.add(dir.get(), "new", {as_bytes("two")}, 0600, "new");
  CHECK_THROWS_AS(static_cast<void>(group.commit()), Error);
  CHECK(list_dir(open_dir(scratch.path).get()) == std::vector<std::string>{"old"});
}

TEST_CASE("a question that could not be asked is no 'missing'") {
  CHECK_FALSE(exists("/nowhere/at/all"));
  CHECK_THROWS_AS(static_cast<void>(exists("/" + std::string(300, 'x'))), Error);
}

TEST_CASE("what a stranger may put in a directory is a value: FIFO, link, directory, nothing") {
  const Scratch scratch;
  const auto dir = open_dir(scratch.path);
  REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
  REQUIRE(::symlink("/etc/passwd", (scratch / "link").c_str()) == 0);
  REQUIRE(::mkdir((scratch / "dir").c_str(), 0700) == 0);
  for (const auto* name : {"fifo", "link", "dir"}) CHECK(open_hostile(dir.get(), name).problem == HostileProblem::not_regular);
  CHECK(open_hostile(dir.get(), "nothing").problem == HostileProblem::vanished);
  const auto broken = open_hostile(dir.get(), std::string(300, 'x'));
  CHECK(broken.problem == HostileProblem::broken);
  CHECK(broken.error == ENAMETOOLONG);
  CHECK_THROWS_AS(throw_if_broken(broken, "x"), Error);
  replace_file(dir.get(), "file", as_bytes("x"), 0600, "file");
  CHECK(open_hostile(dir.get(), "file").problem == HostileProblem::none);
}

TEST_CASE("a secret that others can read is refused, and so is what others can write") {
  const Scratch scratch;
  replace_file(scratch / "secret", as_bytes("pass\nphrase\n"), 0600);
  CHECK(read_secret_file(scratch / "secret").view() == "pass");
  REQUIRE(::chmod((scratch / "secret").c_str(), 0640) == 0);
  CHECK_THROWS_AS(static_cast<void>(read_secret_file(scratch / "secret")), Error);
  REQUIRE(::chmod((scratch / "secret").c_str(), 0622) == 0);
  CHECK_THROWS_AS(static_cast<void>(read_guarded_file(scratch / "secret", 100, Secrecy::trusted)), Error);
}

TEST_CASE("a service manager's credential of root's may show an access list where a group's rights stand, and is open to nobody else") {
  const Scratch scratch;
  const auto file = scratch / "passphrase";
  replace_file(file, as_bytes("pass\n"), 0600);
  const auto is_taken = [&file](mode_t mode) {
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    try {
      return read_secret_file(file).view() == "pass";
    } catch (const Error&) {
      return false;
    }
  };
  CHECK_FALSE(is_taken(0440));  // it lies anywhere
  REQUIRE(::setenv("CREDENTIALS_DIRECTORY", (scratch / "other").c_str(), 1) == 0);
  CHECK_FALSE(is_taken(0440));
  auto directory = file.substr(0, file.rfind('/'));
  REQUIRE(::setenv("CREDENTIALS_DIRECTORY", directory.c_str(), 1) == 0);
  CHECK(is_taken(0440) == (::geteuid() == 0));  // an ordinary user's own file is none of a service manager's
  CHECK(is_taken(0400));
  CHECK_FALSE(is_taken(0444));
  CHECK_FALSE(is_taken(0460));
  REQUIRE(::unsetenv("CREDENTIALS_DIRECTORY") == 0);
}

TEST_CASE("a lock is held by one") {
  const Scratch scratch;
  auto first = FileLock::try_lock(scratch / "lock");
  REQUIRE(first);
  CHECK_FALSE(FileLock::try_lock(scratch / "lock"));
  first.reset();
  CHECK(FileLock::try_lock(scratch / "lock"));
}

TEST_CASE("key = value names the line of a mistake") {
  const auto entries = parse_key_values("# comment\n\n a = 1 \nb =\n", "f");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].value == "1");
  CHECK(entries[1].line == 4);
  for (const auto* bad : {"A = 1\n", "a 1\n", "a = \x01\n", "a = \xff\n", " = 1\n"}) {
    try {
      static_cast<void>(parse_key_values(std::string("x = 1\n") + bad, "f"));
      FAIL("accepted ", bad);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(std::string(error.what()).find("f:2") == 0);
    }
  }
}

TEST_CASE("untrusted text cannot forge a line, a field or a terminal escape") {
  CHECK(escape_untrusted("a\n\x1b[31m\"'\\\xff") == "a\\x0a\\x1b[31m\\x22\\x27\\x5c\\xff");
  CHECK(escape_untrusted("abcdef", 3) == "abc...");
  CHECK(LogLine("refused").field("camera", "101").number("n", 5).untrusted("file", "x\" verdict=accepted").text() ==
        "refused camera=101 n=5 file=\"x\\x22 verdict=accepted\"");
  CHECK(make_printable("na\u00efve 'x' \"y\"\\") == "na\u00efve 'x' \"y\"\\");
  CHECK(make_printable("a\nb\x1b[31m\x7f") == "a\\x0ab\\x1b[31m\\x7f");
  CHECK(make_printable("a\nb\r", Lines::kept) == "a\nb\\x0d");
  CHECK(make_printable("\u009b1m \u202egpj \u2066 \u200b \ufeff") == "\\xc2\\x9b1m \\xe2\\x80\\xaegpj \\xe2\\x81\\xa6 \\xe2\\x80\\x8b \\xef\\xbb\\xbf");
  CHECK(make_printable("\xff\xc2") == "\\xff\\xc2");
  CHECK(is_plain_text("a\tb\r\n\u00e9"));
  for (const auto* hostile : {"\x1b[2J", "\u009b2J", "\u202e", "\xff", "\x7f"}) CHECK_FALSE(is_plain_text(hostile));
  CHECK(LogLine("trouble").sentence("reason", "cannot \"do\"\n it").text() == "trouble reason=\"cannot 'do'' it\"");
}

TEST_CASE("an error's words reach the log as printable ASCII on machines where char has a sign, and where it has none") {
  CHECK(LogLine("trouble").sentence("reason", "a\x7f" "b\x9b" "c\xff").text() == "trouble reason=\"a'b'c'\"");
}

TEST_CASE("a time that could not be written back is not read") {
  CHECK(parse_time("1970-01-01") == 0);
  for (const auto* bad : {"1969-12-31", "1969-12-31T23:59:59.999Z", "0000-01-01"}) CHECK_FALSE(parse_time(bad));
}

TEST_CASE("numbers, sizes and times are read strictly") {
  CHECK(parse_decimal("0", 9) == 0);
  for (const auto* bad : {"", "00", "01", "+1", "-1", " 1", "1 ", "10", "99999999999999999999999"}) CHECK_FALSE(parse_decimal(bad, 9));
  CHECK(parse_size("64k") == 65536);
  CHECK_FALSE(parse_size("64x"));
  CHECK_FALSE(parse_size("99999999999G"));
  CHECK(parse_duration_ms("250ms") == 250);
  CHECK(parse_duration_ms("2h") == 7'200'000);
  CHECK(parse_time("2026-11-23T10:11:12.345Z") == 1795428672345);
  CHECK(rfc3339_ms(1795428672345) == "2026-11-23T10:11:12.345Z");
  for (const auto* bad : {"2026-02-30", "2026-11-23T24:00:00Z", "2026-11-23T10:11:12", "2026-11-23 10:11:12Z"}) CHECK_FALSE(parse_time(bad));
  CHECK_FALSE(is_utf8("\xc0\x80"));
  CHECK_FALSE(is_utf8("\xed\xa0\x80"));
}

TEST_CASE("a camera's id fits an account name and nothing else") {
  CHECK(CameraId::parse("102")->account() == "cam-102");
  CHECK(CameraId::from_account("cam-gate-2")->text() == "gate-2");
  for (const auto* bad : {"", "-a", "a-", "A", "a_b", "../x", "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) CHECK_FALSE(CameraId::parse(bad));
}

TEST_CASE("verdict names go there and back") {
  for (const auto verdict : {Verdict::accepted, Verdict::fork, Verdict::expired, Verdict::wrong_recipients, Verdict::duplicate, Verdict::void_after_theft,
                             Verdict::suspended, Verdict::malformed, Verdict::too_large, Verdict::bad_signature, Verdict::unknown_signer,
                             Verdict::wrong_camera, Verdict::not_a_file, Verdict::not_decryptable, Verdict::inner_mismatch})
    CHECK(parse_verdict(verdict_name(verdict)) == verdict);
  CHECK(parse_verdict("bad-signature") == Verdict::bad_signature);
  CHECK_FALSE(parse_verdict("good"));
}

}  // namespace shutterseal
