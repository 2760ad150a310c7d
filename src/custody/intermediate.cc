// SPDX-License-Identifier: Apache-2.0
// intermediate new, sign, install: the key is made where it stays, and only a certificate travels.
#include "src/custody/intermediate.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/authority.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"

namespace shutterseal::custody {

static constexpr std::uint64_t kDefaultLifeDays = 1096;  // three years: the one visit to the authority's host that renewals cost
static constexpr const char* kName = "shutterseal renewals";

Intermediate read_intermediate(const ServerPaths& paths) {
  if (!exists(paths.intermediate) || !exists(paths.intermediate_key))
    throw Error(ErrorKind::config, "there is no intermediate here: 'shutterseal intermediate new', or renew by hand with 'camera approve'");
  const auto pem = read_guarded_file(paths.intermediate_key, kLargestPem, Secrecy::secret);
  Intermediate own{envelope::PrivateKey::from_pem(pem, Secret(), paths.intermediate_key), read_certificate(paths.intermediate)};
  if (own.key.public_point() != own.certificate.point)
    throw Error(ErrorKind::config, "'" + paths.intermediate + "' and '" + paths.intermediate_key + "' do not belong together");
  if (!own.certificate.is_intermediate || !own.certificate.is_signed_by(read_certificate(paths.authority)))
    throw Error(ErrorKind::config, "'" + paths.intermediate + "' is no intermediate of this server's authority");
  check_time(own.certificate, "the intermediate");
  return own;
}

// A certificate that this key signed for itself says which key, and that it is held: it needs no form of its own.
static int new_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  const auto out = needed(arguments, "out");
  refuse_existing(out);
  const bool made = !exists(paths.intermediate_key);
  if (made) commit_file(paths.intermediate_key, envelope::PrivateKey::generate().to_pem(Secret()), 0600);
  const auto key = envelope::PrivateKey::from_pem(read_guarded_file(paths.intermediate_key, kLargestPem, Secrecy::secret), Secret(), paths.intermediate_key);
  const auto now = now_ms();
  const auto request = envelope::issue_certificate({envelope::Role::receipt, kName, key.public_point(), now - kDay, now + 365 * kDay}, key, nullptr);
  commit_file(out, as_bytes(request.to_pem()), 0644);
  say("the key is {}; next, on the authority's host: shutterseal intermediate sign {} --authority-key KEY --authority CERT --out CERT\n",
             paths.intermediate_key, escape_untrusted(out, kLongestSubject));
  return 0;
}

static int sign_command(const config::Arguments& arguments) {
  const auto request = read_certificate(arguments.operands()[2]);
  const auto out = needed(arguments, "out");
  refuse_existing(out);
  const auto life = parse_decimal(arguments.get("days", std::to_string(kDefaultLifeDays)), kLongestLifeDays);
  if (!life || *life == 0) throw Error(ErrorKind::usage, "--days is a number from 1 to 36500");
  static_cast<void>(needed(arguments, "authority-key"));
  const Authority authority(arguments, read_certificate(needed(arguments, "authority")));
  if (request.point == authority.certificate.point) throw Error(ErrorKind::data, "the intermediate's key must not be the authority's");
  check_time(authority.certificate, "the authority");
  const auto now = now_ms();
  const auto end = std::min(now + static_cast<TimeMs>(*life) * kDay, authority.certificate.not_after);
  const auto certificate = envelope::issue_certificate({envelope::Role::intermediate, kName, request.point, now - kDay, end}, *authority.key, &authority.certificate);
  commit_file(out, as_bytes(certificate.to_pem()), 0644);
  say("intermediate {} until {}; next, on the server: shutterseal intermediate install {}\n", certificate.fingerprint.hex(), rfc3339(certificate.not_after),
             escape_untrusted(out, kLongestSubject));
  return 0;
}

static int install_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  const auto& file = arguments.operands()[2];
  const auto certificate = read_certificate(file);
  const auto refuse = [&file](const std::string& why) { throw Error(ErrorKind::data, "'" + escape_untrusted(file, kLongestSubject) + "' " + why); };
  if (!certificate.is_intermediate || !certificate.is_signed_by(read_certificate(paths.authority))) refuse("is no intermediate of this server's authority");
  const auto key = envelope::PrivateKey::from_pem(read_guarded_file(paths.intermediate_key, kLargestPem, Secrecy::secret), Secret(), paths.intermediate_key);
  if (key.public_point() != certificate.point) refuse("is not for the key in '" + paths.intermediate_key + "'");
  replace_file(paths.intermediate, as_bytes(certificate.to_pem()), 0644);
  say("the intermediate is installed until {}; next: systemctl enable --now shutterseal-renew.timer\n", rfc3339(certificate.not_after));
  return 0;
}

std::vector<Command> intermediate_commands() {
  const config::Option out{"out", "FILE", "where the result goes; must not exist"};
  return {{"intermediate new", "--out REQUEST", "Makes the key that renews certificates on this server, and what the authority needs to certify it.", {out}, new_command, 0, 0},
          {"intermediate sign", "REQUEST --authority-key KEY --authority CERT --out CERT", "Certifies a server's intermediate, on the authority's host.",
           {{"authority-key", "KEY", "the authority's key"},
            {"authority", "CERT", "the authority's certificate"},
            {"passphrase-file", "FILE", "the passphrase of that key (mode 0600)"},
            {"days", "N", "how long it may renew, and how long what it renews is good at most (default: 1096)"}, out},
           sign_command, 1, 1},
          {"intermediate install", "CERT", "Takes what the authority made of the request.", {}, install_command, 1, 1}};
}

}  // namespace shutterseal::custody
