// SPDX-License-Identifier: Apache-2.0
// upload.conf and ingestd.conf: refused with one plain line, or read; and what -T prints of them is read as the same.
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/ingestd/settings.h"
#include "src/uploader/settings.h"
#include "test/fuzz/lib/fuzz.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

static config::Arguments arguments() {
  static const auto file = scratch_dir() + "/program.conf";
  const char* const words[] = {"program", "--config", file.c_str()};
  return config::parse_arguments(3, words, config::common_options());
}

template <class Load, class Dump>
static void check(std::string_view text, Load load, Dump dump) {
  put_file(scratch_dir() + "/program.conf", text);
  std::string printed;
  try {
    printed = dump(load(arguments()));
  } catch (const Error& error) {
    HOLDS(is_printable_line(error.what()) && error.kind() == ErrorKind::config);
    return;
  }
  for (const auto line : split(printed, '\n')) HOLDS(!has_control(line));
  put_file(scratch_dir() + "/program.conf", printed);
  HOLDS(dump(load(arguments())) == printed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text({data, size});
  check(text, uploader::load_context, uploader::dump_settings);
  check(text, ingestd::load_context, ingestd::dump_settings);
  return 0;
}
