// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "src/base/error.h"
#include "src/config/arguments.h"
#include "src/config/settings.h"

namespace shutterseal::config {

TEST_CASE("a mistake in a configuration names file and line") {
  std::uint64_t number = 5;
  std::string path = "/x";
  Settings table;
  table.number("number", number, 1, 10);
  table.path("path", path);
  table.read_text("number = 7\npath = /y\n", "f");
  CHECK(number == 7);
  CHECK(path == "/y");
  for (const auto* bad : {"other = 1\n", "number = 11\n", "number = x\n", "path = relative\n", "number = 1\nnumber = 2\n"}) {
    try {
      table.read_text(bad, "f");
      FAIL("accepted ", bad);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(std::string(error.what()).substr(0, 2) == "f:");
    }
  }
  std::uint64_t again = 0;
  std::string other;
  Settings second;
  second.number("number", again, 0, 10);
  second.path("path", other);
  second.read_text(table.dump(), "f");
  CHECK(other == path);
}

TEST_CASE("unknown and repeated options are usage errors, and everything behind -- is an operand") {
  const std::vector<Option> table{{"out", "FILE", "x"}, {"json", "", "x"}, {"url", "URL", "x", true}};
  const char* const good[] = {"p", "a", "--out", "f", "--url", "u", "--url", "v", "--", "--json"};
  const auto arguments = parse_arguments(10, good, table);
  CHECK(arguments.get("out") == "f");
  CHECK(arguments.all("url") == std::vector<std::string>{"u", "v"});
  CHECK(arguments.operands() == std::vector<std::string>{"a", "--json"});
  const char* const unknown[] = {"p", "--nonsense"};
  CHECK_THROWS_AS(static_cast<void>(parse_arguments(2, unknown, table)), Error);
  const char* const twice[] = {"p", "--out", "a", "--out", "b"};
  CHECK_THROWS_AS(static_cast<void>(parse_arguments(5, twice, table)), Error);
}

}  // namespace shutterseal::config
