// SPDX-License-Identifier: Apache-2.0
// What a file of the capture directory is by its name. Others write there, too: half a picture under a name of its own, movies, a database, a log.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shutterseal::uploader {

// Names that software customarily gives to what it has not finished, and to what it keeps beside pictures; fnmatch(3) patterns, several a line.
[[nodiscard]] std::vector<std::string> default_ignored();

class IgnoredNames {
 public:
  explicit IgnoredNames(const std::vector<std::string>& lines);
  // `path` is relative to the capture directory. A pattern fits the name or the whole path; upper and lower case are one. Dot files always.
  [[nodiscard]] bool has(const std::string& name, const std::string& path) const;

 private:
  std::vector<std::string> patterns_;
};

[[nodiscard]] bool is_picture_name(std::string_view name);   // .jpg .jpeg .jpe .jfif, in any case
[[nodiscard]] bool has_no_suffix(std::string_view name);
// ".png" of a name by which somebody may believe that pictures arrive, which no JPEGs are; else empty. Lower case.
[[nodiscard]] std::string other_picture_suffix(std::string_view name);

}  // namespace shutterseal::uploader
