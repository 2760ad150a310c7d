// SPDX-License-Identifier: Apache-2.0
#include "src/custody/album.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

namespace shutterseal::custody {

static constexpr std::size_t kLongestExtension = 8;

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_safe(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '+'; }

static std::string small(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// "a.jpg", "a.desktop"; not "2026.12.01", nor ".bashrc".
static std::string_view without_extension(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return name;
  const auto extension = name.substr(dot + 1);
  const bool is_one = extension.size() <= kLongestExtension && std::any_of(extension.begin(), extension.end(), is_letter) &&
                      std::all_of(extension.begin(), extension.end(), [](char c) { return is_letter(c) || is_digit(c); });
  return is_one || extension.empty() ? name.substr(0, dot) : name;
}

// With any extension they stand for a device.
static bool is_device(std::string_view stem) {
  static constexpr std::array<std::string_view, 7> kNames{"con", "prn", "aux", "nul", "conin", "conout", "clock"};
  const auto name = small(stem);
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return true;
  return name.size() == 4 && (name.starts_with("com") || name.starts_with("lpt")) && is_digit(name[3]);
}

std::string safe_stem(std::string_view name) {
  std::string stem;
  for (const char c : without_extension(name)) {
    const char kept = is_safe(c) ? c : '_';
    const bool is_gap = kept == '_' || kept == '-';
    if (stem.empty() ? is_gap : kept != c && stem.back() == '_') continue;
    stem += kept;
    if (stem.size() == kLongestStem) break;
  }
  while (!stem.empty() && (stem.back() == '_' || stem.back() == '-')) stem.pop_back();
  if (stem.empty()) return "unnamed";
  return is_device(stem) ? "camera_" + stem : stem;
}

static bool begins_as_jpeg(ByteView content) { return content.size() >= 3 && content[0] == 0xff && content[1] == 0xd8 && content[2] == 0xff; }

std::string_view suffix_of(envelope::Kind kind, ByteView content) {
  if (kind == envelope::Kind::image) return begins_as_jpeg(content) ? ".jpg" : ".bin";
  return is_plain_text(as_text(content)) ? ".txt" : ".bin";
}

static Fd made(const std::string& path) {
  make_dirs(path, 0700);
  return open_dir(path);
}

Album::Album(const std::string& path) : path_(path), dir_(made(path)) {
  for (auto& name : list_dir(dir_.get())) names_.insert_or_assign(small(name), name);
}

// On another file system, or after a copy to one, two names that differ in capitals are one.
bool Album::is_free(const std::string& name) {
  const auto [known, is_new] = names_.emplace(small(name), name);
  return is_new || known->second == name;
}

Album::Kept Album::keep(envelope::Kind kind, const envelope::Opened& opened) {
  const auto& capture = opened.capture;
  const auto suffix = suffix_of(kind, opened.content);
  const auto plain = safe_stem(capture.file_name) + std::string(suffix);
  const auto place = capture.chain.hex().substr(0, 8) + "-" + std::to_string(capture.sequence) + "-";
  const auto unique = place + envelope::sha256(opened.content).hex().substr(0, 16) + "-" + plain;
  for (const auto& name : {plain, place + plain, unique}) {
    if (!is_free(name)) continue;
    CommitGroup group;
    group.add(dir_.get(), name, {opened.content}, 0600, path_ + "/" + name);
    const auto linked = group.commit().front();
    if (linked == Linked::different) continue;  // cameras reuse names: the second gets its place in the chain in front, and of a fork's two its digest
    const struct timespec when[2] = {{0, UTIME_OMIT}, {capture.captured_at / 1000, capture.captured_at % 1000 * 1'000'000}};
    if (::utimensat(dir_.get(), name.c_str(), when, AT_SYMLINK_NOFOLLOW) != 0) throw_errno("cannot date", path_ + "/" + name);
    return {path_ + "/" + name, suffix != ".bin"};
  }
  throw Error(ErrorKind::cannot_create, "cannot make '" + escape_untrusted(path_ + "/" + unique, kLongestSubject) + "': it exists with other bytes");
}

}  // namespace shutterseal::custody
