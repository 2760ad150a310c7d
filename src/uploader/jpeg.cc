// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/jpeg.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace shutterseal::uploader {

static constexpr std::uint8_t kTem = 0x01, kFirstRestart = 0xd0, kLastRestart = 0xd7, kStart = 0xd8, kEnd = 0xd9, kScan = 0xda;
static constexpr std::uint8_t kFirstCode = 0xc0;  // below lie TEM and what the standard reserves

bool is_jpeg_start(ByteView head) { return head.size() >= 3 && head[0] == 0xff && head[1] == kStart && head[2] == 0xff; }

bool is_jpeg_end(ByteView tail) {
  auto size = tail.size();
  while (size > 0 && tail[size - 1] == 0) --size;
  return size >= 2 && tail[size - 2] == 0xff && tail[size - 1] == kEnd;
}

// A marker's code has no length behind it: TEM, RSTn, SOI, EOI.
static bool stands_alone(std::uint8_t code) { return code == kTem || (code >= kFirstRestart && code <= kEnd); }

// Behind the segment whose marker ends at `at`; nothing when the file, or the length, is too short for it.
static std::optional<std::size_t> behind_segment(ByteView content, std::size_t at) {
  if (content.size() - at < 2) return std::nullopt;
  const auto length = static_cast<std::size_t>(content[at] << 8 | content[at + 1]);
  if (length < 2 || length > content.size() - at) return std::nullopt;
  return at + length;
}

// The next marker in entropy-coded data: behind its two octets. Stuffed FF 00, restarts and fill octets belong to the data, and so does what the
// standard reserves: a damaged scan goes on behind it. Nothing: no octet of one is left.
static std::optional<std::size_t> behind_next_marker(ByteView content, std::size_t at) {
  while (at < content.size()) {
    const auto* const found = static_cast<const std::uint8_t*>(std::memchr(content.data() + at, 0xff, content.size() - at));
    if (!found) return std::nullopt;
    at = static_cast<std::size_t>(found - content.data()) + 1;
    while (at < content.size() && content[at] == 0xff) ++at;
    if (at == content.size()) return std::nullopt;
    const auto code = content[at++];
    if (code >= kFirstCode && !(code >= kFirstRestart && code <= kLastRestart)) return at;
  }
  return std::nullopt;
}

// What a JPEG's first segments say they are. Only where one is found it is believed that a segment goes on behind the end of the file: in a file that is a
// JPEG at its ends alone its length may be any two octets.
static bool is_known_application(ByteView segment) {
  using namespace std::string_view_literals;
  const auto text = as_text(segment);
  for (const auto name : {"JFIF\0"sv, "JFXX\0"sv, "Exif\0"sv, "http://"sv, "MPF\0"sv, "ICC_PROFILE\0"sv})
    if (text.starts_with(name)) return true;
  return false;
}

namespace {

// `strange`: before any scan there is something that is no marker segment, so no marker behind it can be told from data.
enum class Found { end, cut, strange };

}  // namespace

static Found walk_scans(ByteView content, std::size_t at) {
  for (;;) {
    const auto behind = behind_next_marker(content, at);
    if (!behind) return Found::cut;
    const auto code = content[*behind - 1];
    if (code == kEnd) return Found::end;
    const auto next = stands_alone(code) ? behind : behind_segment(content, *behind);
    if (!next) return Found::cut;
    at = *next;
  }
}

static Found walk(ByteView content) {
  bool known = false;
  for (std::size_t at = 2; at < content.size();) {
    if (content[at] != 0xff) return Found::strange;
    while (at < content.size() && content[at] == 0xff) ++at;
    if (at == content.size()) break;
    const auto code = content[at++];
    if (code == kEnd) return Found::end;
    if (code < kFirstCode || stands_alone(code)) return Found::strange;
    const auto next = behind_segment(content, at);
    known = known || is_known_application(content.subspan(std::min(content.size(), at + 2)));
    if (!next) return known ? Found::cut : Found::strange;
    if (code == kScan && is_jpeg_end(content)) break;  // in a scan FF D9 is the end and nothing else: no pass over the octets of nearly all pictures
    if (code == kScan) return walk_scans(content, *next);
    at = *next;
  }
  return is_jpeg_end(content) ? Found::end : Found::cut;
}

// Where the markers cannot be followed, the end is looked for where makers put their marks behind it.
static bool ends_shortly_before(ByteView content) {
  static constexpr std::size_t kLongestMark = 32;
  const auto tail = content.last(std::min(content.size(), kLongestMark + 2));
  for (std::size_t at = 0; at + 1 < tail.size(); ++at)
    if (tail[at] == 0xff && tail[at + 1] == kEnd) return true;
  return false;
}

bool is_whole_jpeg(ByteView content) {
  if (!is_jpeg_start(content)) return false;
  switch (walk(content)) {
    case Found::end: return true;
    case Found::strange: return is_jpeg_end(content) || ends_shortly_before(content);
    case Found::cut: return false;
  }
  return false;
}

std::string fault_of_jpeg(ByteView content) {
  if (!is_jpeg_start(content)) return "no JPEG";
  return is_whole_jpeg(content) ? "" : kCutShort;
}

}  // namespace shutterseal::uploader
