// SPDX-License-Identifier: Apache-2.0
// Where pictures end, by their markers.
#include <doctest/doctest.h>

#include "src/uploader/jpeg.h"

namespace shutterseal::uploader {

using namespace std::string_literals;

static std::string segment(char code, const std::string& content) {
  const auto length = content.size() + 2;
  return "\xff"s + code + static_cast<char>(length >> 8) + static_cast<char>(length & 0xff) + content;
}

static const std::string kSoi = "\xff\xd8", kEoi = "\xff\xd9";
static const std::string kJfif = segment('\xe0', "JFIF\0\1\2\0\0\1\0\1\0\0"s);
static const std::string kTables = segment('\xdb', std::string(65, '\1')) + segment('\xc0', std::string(9, '\1')) + segment('\xc4', std::string(20, '\1'));
static const std::string kScan = segment('\xda', std::string(6, '\0'));
// Stuffing, restarts and fill octets, as entropy-coded data has them.
static const std::string kData = "abc\xff\0def\xff\xd0ghi\xff\xd7jkl\xff\xff\xff\0mno"s;
static const std::string kPicture = kSoi + kJfif + kTables + kScan + kData + kEoi;

static std::string fault(const std::string& content) { return fault_of_jpeg(as_bytes(content)); }

TEST_CASE("what stands behind the end of a picture is no fault: a mark, a line feed, zeros, raw data, a second picture, a movie") {
  CHECK(fault(kPicture).empty());
  for (const auto& trailer : {"\n"s, "DHAVmark"s, std::string(70'000, '\0'), std::string(70'000, 'r'), kPicture, "\0\0\0\x18""ftypmp42 and a movie"s, std::string(600, '\xff')})
    CHECK(fault(kPicture + trailer).empty());
}

TEST_CASE("progressive scans, tables between them, the number of lines behind the first, arithmetic coding: all are walked to the end") {
  const auto scans = kScan + kData + segment('\xdc', "\0\1"s) + segment('\xc4', std::string(30, '\xff')) + kScan + kData + segment('\xdd', "\0\1"s) + kScan + kData;
  CHECK(fault(kSoi + kJfif + kTables + scans + kEoi + "mark").empty());
  CHECK(fault(kSoi + kTables + segment('\xcc', "\0\1"s) + kScan + kData + kEoi + "mark").empty());
  CHECK(fault(kSoi + kTables + scans + "mark") == kCutShort);
}

TEST_CASE("a picture that is cut short anywhere has no end, also when a thumbnail inside has one") {
  const auto exif = segment('\xe1', "Exif\0\0"s + std::string(100, 't') + kPicture + std::string(100, 't'));
  const auto picture = kSoi + kJfif + exif + kTables + kScan + kData + kEoi;
  REQUIRE(fault(picture).empty());
  REQUIRE(fault(picture + "mark").empty());
  for (std::size_t size = 3; size < picture.size(); ++size) {
    CAPTURE(size);
    CHECK(fault(picture.substr(0, size)) == kCutShort);
  }
}

TEST_CASE("the end inside a comment or a table of a picture that was cut is not its end") {
  const auto comment = segment('\xfe', "x" + kEoi + std::string(40, 'x'));
  const auto head = kSoi + kJfif + comment + kTables + kScan + kData;
  CHECK(fault(head + "tail") == kCutShort);
  CHECK(fault(head + kEoi + "tail").empty());
}

TEST_CASE("a file that is a JPEG at its ends alone is one, with zeros or a short mark behind it") {
  const auto shaped = "\xff\xd8\xff\xe0"s + std::string(5000, 'q') + kEoi;
  CHECK(fault(shaped).empty());
  CHECK(fault(shaped + std::string(9000, '\0')).empty());
  CHECK(fault(shaped + "DHAVmark").empty());
  CHECK(fault(shaped + "\n").empty());
  CHECK(fault(shaped + std::string(200, 'q')) == kCutShort);
  CHECK(fault(shaped.substr(0, 3000)) == kCutShort);
}

TEST_CASE("what does not begin as a JPEG is none, and no octets at all are none") {
  for (const auto& other : {""s, "\xff"s, "\xff\xd8"s, "text"s, "\x89PNG\r\n"s, kEoi}) CHECK(fault(other) == "no JPEG");
  CHECK(fault("\xff\xd8\xff"s) == kCutShort);
  CHECK(fault("\xff\xd8\xff\xd9"s).empty());
}

TEST_CASE("a JPEG begins and ends as one, padding allowed") {
  const std::uint8_t whole[] = {0xff, 0xd8, 0xff, 0xe0, 1, 2, 0xff, 0xd9, 0, 0};
  CHECK(is_jpeg_start(whole));
  CHECK(is_jpeg_end(whole));
  CHECK_FALSE(is_jpeg_end(ByteView(whole).first(6)));
  CHECK_FALSE(is_jpeg_end(ByteView()));
  CHECK_FALSE(is_jpeg_start(ByteView(whole).subspan(1)));
}

}  // namespace shutterseal::uploader
