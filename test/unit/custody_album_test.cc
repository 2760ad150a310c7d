// SPDX-License-Identifier: Apache-2.0
// What `open` calls what it writes.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "src/base/text.h"
#include "src/custody/album.h"
#include "test/unit/scratch.h"

namespace shutterseal::custody {

TEST_CASE("a camera's name keeps its letters, loses its extension and whatever means something to a shell, a terminal or a file system") {
  CHECK(safe_stem("102_2026_11_23_10_11_12.jpg") == "102_2026_11_23_10_11_12");
  CHECK(safe_stem("a b.jpeg") == "a_b");
  CHECK(safe_stem("2026.12.01") == "2026_12_01");
  CHECK(safe_stem("x.jpg.sh") == "x_jpg");
  CHECK(safe_stem("Desktop.ini") == "Desktop");
  CHECK(safe_stem(".bashrc") == "bashrc");
  CHECK(safe_stem("--exec=sh.jpg") == "exec_sh");
  CHECK(safe_stem("trailing. . ") == "trailing");
  CHECK(safe_stem("gpj.\u202egnp") == "gpj_gnp");
  CHECK(safe_stem("$(id)`x`;|&<>\"'\\") == "id_x");
  CHECK(safe_stem("S\u00fcd.jpg") == "S_d");
  for (const auto* nothing : {"", ".", "...", "-", "\u9b31.jpg", " "}) CHECK(safe_stem(nothing) == "unnamed");
  CHECK(safe_stem(std::string(255, 'a')).size() == kLongestStem);
}

TEST_CASE("no name is a device of Windows, in whatever capitals and with whatever extension") {
  for (const auto* name : {"CON", "con.jpg", "Aux.tar", "nul.", "COM1.jpg", "lpt9", "CONIN$"}) CHECK(safe_stem(name).starts_with("camera_"));
  CHECK(safe_stem("com10.jpg") == "com10");
  CHECK(safe_stem("console.jpg") == "console");
}

TEST_CASE("a suffix says what the content is, whatever the camera says") {
  const std::string jpeg = "\xff\xd8\xff\xe0";
  CHECK(suffix_of(envelope::Kind::image, as_bytes(jpeg)) == ".jpg");
  CHECK(suffix_of(envelope::Kind::image, as_bytes("\xff\xd8")) == ".bin");
  CHECK(suffix_of(envelope::Kind::image, as_bytes("text")) == ".bin");
  CHECK(suffix_of(envelope::Kind::event, as_bytes("text\n")) == ".txt");
  CHECK(suffix_of(envelope::Kind::event, as_bytes(jpeg)) == ".bin");
  CHECK(suffix_of(envelope::Kind::event, as_bytes("\x1b[2J")) == ".bin");
}

static envelope::Opened opened(const std::string& name, const std::string& content) {
  envelope::Opened one;
  one.verdict = Verdict::accepted;
  one.capture.file_name = name;
  one.capture.sequence = 7;
  one.content = Bytes(content.begin(), content.end());
  return one;
}

TEST_CASE("nothing is written over, the same again keeps its name, and capitals alone make no other name") {
  const Scratch scratch;
  const std::string jpeg = "\xff\xd8\xff";
  std::ofstream(scratch / "A.jpg") << "somebody's own";
  for (int round = 0; round < 2; ++round) {
    Album album(scratch.path);
    const auto name = [&](const std::string& camera_name, const std::string& content) {
      const auto path = album.keep(envelope::Kind::image, opened(camera_name, content)).path;
      CHECK(std::filesystem::file_size(path) == content.size());
      return path.substr(scratch.path.size() + 1);
    };
    CHECK(name("a.jpg", jpeg) == "00000000-7-a.jpg");
    CHECK(name("A.jpg", jpeg + "2").ends_with("-A.jpg"));
    CHECK(name("b.jpg", jpeg) == "b.jpg");
    CHECK(name("B.JPG", jpeg + "3") == "00000000-7-B.jpg");
    CHECK(name("b.jpg", jpeg) == "b.jpg");
  }
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path), {}) == 5);
}

}  // namespace shutterseal::custody
