// SPDX-License-Identifier: Apache-2.0
// shutterseal-upload(1): the camera's side.
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/output.h"
#include "src/base/program.h"
#include "src/base/text.h"
#include "src/uploader/commands.h"

namespace shutterseal::uploader {

static std::vector<config::Option> options() {
  auto all = config::common_options();
  all.insert(all.end(), {{"passphrase-file", "FILE", "the passphrase of this camera's keys (mode 0600)"},
                         {"camera", "ID", "enrol: this camera's id"},
                         {"authority", "FINGERPRINT", "accept: the authority's SHA-256, instead of asking"},
                         {"wait", "TIME", "join: wait so long for the answer (default: do not)"},
                         {"json", "", "status: as JSON"}});
  return all;
}

static constexpr const char* kSummary =
    "Seals pictures and sends them to the drop server.\n\n"
    "  enrol --camera ID    make this camera's keys and its request\n"
    "  join [FILE]          enrol by an invitation: keys, request and bundle in one step\n"
    "  accept BUNDLE        take what the administrator made of the request\n"
    "  run                  seal, send, wait for the receipt, exit (cron)\n"
    "  watch                the same, until stopped (systemd)\n"
    "  status               backlog, last receipt, last error\n"
    "  alert TYPE [TEXT]    seal an event into the chain and send it at once";

struct Command {
  const char* name;
  int (*run)(const config::Arguments&);
};
static constexpr Command kCommands[] = {{"enrol", enrol_command}, {"join", join_command}, {"accept", accept_command}, {"run", run_command},
                                        {"watch", watch_command}, {"status", status_command}, {"alert", alert_command}};

static int run(int argc, char** argv) {
  keystore::quiet_libraries();
  const auto arguments = config::parse_arguments(argc, argv, options());
  if (arguments.has("help")) {
    say("{}", config::help_text("shutterseal-upload COMMAND [OPTION...]", kSummary, options()));
    return 0;
  }
  if (arguments.has("version")) {
    say("{}\n", config::version_text(kProgram));
    return 0;
  }
  if (arguments.has("test") || arguments.has("dump")) {
    const auto context = load_context(arguments);
    if (arguments.has("dump")) say("{}", dump_settings(context));
    return 0;
  }
  if (arguments.operands().empty()) throw Error(ErrorKind::usage, "a command is needed (see --help)");
  for (const auto& command : kCommands)
    if (arguments.operands().front() == command.name) return command.run(arguments);
  throw Error(ErrorKind::usage, "unknown command '" + escape_untrusted(arguments.operands().front()) + "' (see --help)");
}

}  // namespace shutterseal::uploader

int main(int argc, char** argv) {
  return shutterseal::run_main(shutterseal::uploader::kProgram, [&] { return shutterseal::uploader::run(argc, argv); });
}
