// SPDX-License-Identifier: Apache-2.0
// shutterseal(1): keys, enrolment, finding, verifying, opening.
#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/output.h"
#include "src/base/program.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/server/trust.h"

namespace shutterseal::custody {

static std::vector<Command> all_commands() {
  std::vector<Command> all;
  for (const auto& some : {key_commands(), enrolment_commands(), camera_commands(), revocation_commands(), intermediate_commands(), renewal_commands(), invitation_commands(), bundle_commands(), find_commands(), open_commands(), doctor_commands(), server_commands()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

static std::string overview() {
  std::string text;
  for (const auto& command : all_commands()) text += fmt::format("  {:<16} {}\n", command.words, command.summary);
  return "Usage: shutterseal COMMAND [OPTION...]\n\nCommands (each with --help):\n" + text +
         "\n-t checks the server's configuration, -T prints it.\n";
}

// -t: reads everything that the commands and the daemon will read; the first thing wrong is said.
static int check_server(const config::Arguments& arguments, bool print) {
  const auto paths = paths_of(arguments);
  const auto profile = registry::read_server_profile(paths.server_conf);
  static_cast<void>(read_certificate(paths.authority));
  static_cast<void>(server::read_certificates(paths.custodians));
  const registry::Registry registry(paths.cameras);
  for (const auto& id : registry.list()) {
    static_cast<void>(registry.find(id));
    static_cast<void>(server::camera_signers(registry, id));
  }
  if (!print) return 0;
  for (const auto& url : profile.urls) say("url = {}\n", url);
  for (const auto& pin : profile.host_key_pins) say("host-key-pin = {}\n", pin);
  return 0;
}

static int without_command(int argc, char** argv) {
  const auto arguments = config::parse_arguments(argc, argv, config::common_options());
  if (arguments.has("version")) {
    say("{}\n", config::version_text(kProgram));
    return 0;
  }
  if (arguments.has("help")) {
    say("{}", overview());
    return 0;
  }
  if (!arguments.operands().empty())
    throw Error(ErrorKind::usage, "unknown command '" + escape_untrusted(arguments.operands().front()) + "' (see --help)");
  if (arguments.has("test") || arguments.has("dump")) return check_server(arguments, arguments.has("dump"));
  throw Error(ErrorKind::usage, "a command is needed (see --help)");
}

static int run_command(const Command& command, int argc, char** argv) {
  auto options = config::common_options();
  options.insert(options.end(), command.options.begin(), command.options.end());
  const auto arguments = config::parse_arguments(argc, argv, options);
  if (arguments.has("help")) {
    say("{}", config::help_text("shutterseal " + command.words + " " + command.synopsis, command.summary, options));
    return 0;
  }
  const auto words = 1 + static_cast<std::size_t>(std::count(command.words.begin(), command.words.end(), ' '));
  const auto given = arguments.operands().size() - words;
  if (given < command.operands_least || given > command.operands_most)
    throw Error(ErrorKind::usage, "usage: shutterseal " + command.words + " " + command.synopsis + " (see --help)");
  return command.run(arguments);
}

static int run(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "", second = argc > 2 ? argv[2] : "";
  for (const auto& command : all_commands())
    if (command.words == first || command.words == first + " " + second) return run_command(command, argc, argv);
  return without_command(argc, argv);
}

}  // namespace shutterseal::custody

int main(int argc, char** argv) {
  return shutterseal::run_main(shutterseal::custody::kProgram, [&] { return shutterseal::custody::run(argc, argv); });
}
