// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/names.h"

#include <fnmatch.h>

#include <algorithm>

#include "src/base/text.h"

namespace shutterseal::uploader {

std::vector<std::string> default_ignored() {
  return {"*.part *.partial *.filepart *.crdownload *.download *.incomplete *.uploading *.inprogress *.writing *.ocTransferId*",
          "*.tmp *.temp *.new *.swp *.bak *.lock *~ ~* #*#", "*.thumb *.thm *.mjpg *.mjpeg lost+found @eaDir"};
}

IgnoredNames::IgnoredNames(const std::vector<std::string>& lines) {
  for (const auto& line : lines)
    for (const auto part : split(line, ' '))
      if (!trim(part).empty()) patterns_.emplace_back(trim(part));
}

bool IgnoredNames::has(const std::string& name, const std::string& path) const {
  if (name.starts_with('.')) return true;
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), FNM_CASEFOLD) == 0 || ::fnmatch(pattern.c_str(), path.c_str(), FNM_CASEFOLD) == 0;
  });
}

static std::string suffix_of(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return {};
  std::string suffix(name.substr(dot));
  for (char& c : suffix)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return suffix;
}

static bool is_one_of(const std::string& suffix, std::initializer_list<const char*> all) { return std::find(all.begin(), all.end(), suffix) != all.end(); }

bool is_picture_name(std::string_view name) { return is_one_of(suffix_of(name), {".jpg", ".jpeg", ".jpe", ".jfif"}); }

bool has_no_suffix(std::string_view name) { return suffix_of(name).empty(); }

std::string other_picture_suffix(std::string_view name) {
  auto suffix = suffix_of(name);
  return is_one_of(suffix, {".png", ".webp", ".ppm", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".jxl"}) ? suffix : std::string();
}

}  // namespace shutterseal::uploader
