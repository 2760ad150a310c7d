// SPDX-License-Identifier: Apache-2.0
#include "src/server/waiting.h"

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"

namespace shutterseal::server {

static constexpr std::size_t kMostNamed = 2000;  // in the file; more of them have one cause that is not theirs

Waiting read_waiting(const std::string& file) {
  Waiting waiting;
  try {
    for (const auto& entry : parse_key_values(as_text(read_file(file, kLargestTextFile)), file)) {
      const auto space = entry.value.find(' ');
      const auto camera = CameraId::parse(std::string_view(entry.value).substr(0, space));
      if (entry.key == "waits" && camera && space != std::string::npos) waiting.emplace(*camera, entry.value.substr(space + 1));
    }
  } catch (const Error&) {
    return {};
  }
  return waiting;
}

void write_waiting(const std::string& file, const Waiting& waiting) {
  auto text = format_key_value("format", "1");
  std::size_t named = 0;
  for (const auto& [camera, reason] : waiting)
    if (named++ < kMostNamed) text += format_key_value("waits", camera.text() + " " + escape_untrusted(reason, 400));
  replace_file(file, as_bytes(text), 0640);
}

}  // namespace shutterseal::server
