// SPDX-License-Identifier: Apache-2.0
// A peer's words in a log line: one line of printable ASCII, from which the same words can be read back, and no field beside their own.
#include "src/base/log.h"
#include "src/base/text.h"
#include "test/fuzz/lib/fuzz.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

static std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      out += text[at];
      continue;
    }
    HOLDS(text.size() - at >= 4 && text[at + 1] == 'x');
    const auto octet = from_hex(text.substr(at + 2, 2), 1);
    HOLDS(octet);
    out += static_cast<char>(octet->front());
    at += 3;
  }
  return out;
}

static void check_escape(std::string_view text, std::size_t limit) {
  auto escaped = escape_untrusted(text, limit);
  HOLDS(is_printable_line(escaped) && escaped.find_first_of("\"'") == std::string::npos);
  HOLDS(quote_untrusted(text, limit) == '"' + escaped + '"');
  if (text.size() > limit) {
    HOLDS(escaped.ends_with("..."));
    escaped.resize(escaped.size() - 3);
  }
  HOLDS(unescape(escaped) == text.substr(0, limit));
}

static void check_line(std::string_view text) {
  const auto line = LogLine("refused").field("camera", "102").untrusted("file", text).text();
  static constexpr std::string_view kHead = "refused camera=102 file=\"";
  HOLDS(is_printable_line(line) && line.starts_with(kHead) && line.ends_with('"'));
  HOLDS(line.find('"', kHead.size()) == line.size() - 1);
}

// What an Error quotes was escaped where the Error was made; the log keeps the line whole even where that was forgotten.
static void check_sentence(std::string_view text) {
  const auto line = LogLine("failed").sentence("reason", text).text();
  static constexpr std::string_view kHead = "failed reason=\"";
  HOLDS(is_printable_line(line) && line.find('"', kHead.size()) == line.size() - 1);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text({data, size});
  for (const std::size_t limit : {std::size_t{0}, std::size_t{5}, kLongestLogged, kLongestSubject}) check_escape(text, limit);
  check_line(text);
  check_sentence(text);
  return 0;
}
