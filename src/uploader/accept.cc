// SPDX-License-Identifier: Apache-2.0
// accept: takes the bundle that the administrator made. The first time a person compares the authority's fingerprint.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/uploader/commands.h"
#include "src/uploader/identity.h"

namespace shutterseal::uploader {

// As openssl prints it (colons, capitals) or as sha256sum does.
static Digest parse_fingerprint(std::string text) {
  std::erase(text, ':');
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  const auto digest = Digest::parse(text);
  if (!digest) throw Error(ErrorKind::usage, "--authority needs a SHA-256 fingerprint: 64 hexadecimal digits");
  return *digest;
}

static void ask_person() {
  if (::isatty(STDIN_FILENO) == 0)
    throw Error(ErrorKind::permission, "nobody is here to compare the authority's fingerprint: give --authority FINGERPRINT");
  say("is this the fingerprint that the administrator gave you? type yes: ");
  deliver();
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "yes") throw Error(ErrorKind::permission, "the authority was not accepted, nothing was changed");
}

static void check_authority(const config::Arguments& arguments, const Context& context, const Digest& authority) {
  if (arguments.has("authority")) {
    if (parse_fingerprint(arguments.get("authority")) != authority)
      throw Error(ErrorKind::protocol, "the bundle is by another authority: " + authority.hex());
  } else if (!accepted_authority(context)) {
    ask_person();
  }
}

int accept_command(const config::Arguments& arguments) {
  const auto context = load_context(arguments);
  if (arguments.operands().size() != 2) throw Error(ErrorKind::usage, "accept needs one BUNDLE (see --help)");
  const auto bytes = read_file(arguments.operands()[1], envelope::kLargestBundle);
  static_cast<void>(load_request(context));
  const auto authority = envelope::bundle_authority(bytes);
  if (!authority) throw Error(ErrorKind::data, "'" + escape_untrusted(arguments.operands()[1], kLongestSubject) + "' is no bundle");
  say("authority: {}\n", authority->hex());
  deliver();  // what somebody compares
  check_authority(arguments, context, *authority);
  const auto lock = FileLock::wait(context.chain_lock);
  const auto serial = install_bundle(context, bytes, *authority);
  say("bundle {} is installed; next: {} run\n", serial, kProgram);
  return 0;
}

}  // namespace shutterseal::uploader
