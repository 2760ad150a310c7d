// SPDX-License-Identifier: Apache-2.0
// alert: seals an event into the chain, at any time, beside run and watch, which send it.
#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/uploader/commands.h"
#include "src/uploader/station.h"

namespace shutterseal::uploader {

static constexpr std::size_t kLongestText = 4096;

static void check_note(const std::string& note) {
  const bool plain = std::all_of(note.begin(), note.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (note.empty() || note.size() > envelope::kLongestNote || !plain) throw Error(ErrorKind::usage, "an alert's type is 1 to 255 printable characters");
}

int alert_command(const config::Arguments& arguments) {
  const auto& operands = arguments.operands();
  if (operands.size() < 2 || operands.size() > 3) throw Error(ErrorKind::usage, "alert needs a TYPE, and may have a TEXT (see --help)");
  check_note(operands[1]);
  const auto text = operands.size() == 3 ? operands[2] : operands[1];
  if (text.empty() || text.size() > kLongestText || !is_utf8(text)) throw Error(ErrorKind::usage, "an alert's text is 1 to 4096 octets of UTF-8");
  const auto context = load_context(arguments);
  const auto identity = load_identity(context);
  make_state_dirs(context);
  const auto sealer = make_sealer(context, identity, obtain_passphrase(context, false));
  Spool spool(context.paths.spool);
  Station station(context, identity, *sealer, nullptr, spool);
  const auto sealed = station.seal_event(operands[1], text);
  fmt::print("sealed as {} of this chain\n", sealed.name.sequence);
  return 0;
}

}  // namespace shutterseal::uploader
