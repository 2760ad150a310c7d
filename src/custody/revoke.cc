// SPDX-License-Identifier: Apache-2.0
// camera revoke: from now on nobody is this camera any more. crl: the same for those who look at certificates alone.
#include <fmt/format.h>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/accounts.h"
#include "src/custody/authority.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/envelope/crl.h"
#include "src/registry/revocation.h"

namespace shutterseal::custody {

// sshd's own default LoginGraceTime, and more than the shipped configurations give: who began to log in before is in or out by then.
static constexpr TimeMs kLongestLogin = 120 * 1000;
static constexpr std::uint64_t kDefaultListDays = 366, kMostListDays = 3660;

static const registry::RevocationReason& reason_of(const config::Arguments& arguments) {
  const auto word = needed(arguments, "reason");
  const auto* reason = registry::find_reason(word);
  if (!reason) throw Error(ErrorKind::usage, "--reason is stolen, lost, key-compromise or retired, not '" + escape_untrusted(word) + "'");
  return *reason;
}

static std::string since_text(const registry::Camera& camera) {
  const auto since = registry::theft_time(camera);
  if (!since) return "what it sent stays good";
  return "good is what the server had before " + rfc3339_ms(*since) + " and what that leads to, all else is void";
}

// The state first: it alone decides, and is on the disk before anything else is touched. Cut anywhere after it, the same command goes on.
static int revoke_command(const config::Arguments& arguments) {
  const auto& reason = reason_of(arguments);
  const auto stolen_at = time_option(arguments, "stolen-at");
  const bool has_accounts = !is_private_tree(arguments) && !arguments.has("registry");
  if (has_accounts) need_root("an end of sessions");
  const auto registry = registry_of(arguments);
  const auto camera = registry.update(camera_id(arguments.operands()[2]), [&](registry::Camera& one) { registry::revoke(one, reason, stolen_at, now_ms()); });
  registry.forget_logins(camera.id);
  if (has_accounts) {
    end_sessions(camera.id);
    keep_ending_sessions(camera.id, kLongestLogin);
  }
  say("camera {} is revoked ({}); {}\n", camera.id.text(), camera.reason, since_text(camera));
  return 0;
}

// ---- crl --------------------------------------------------------------------------------------------------------------------------

struct Listed {
  std::vector<envelope::Revoked> ours;
  std::size_t others = 0;  // by another issuer
};

static void list_camera(const registry::Registry& registry, const registry::Camera& camera, const Authority& authority, Listed& listed) {
  const auto* reason = registry::find_reason(camera.reason);
  const auto revoked_at = camera.revoked_at.value_or(camera.enrolled);
  const auto invalid_since = registry::theft_time(camera).value_or(revoked_at);
  for (const auto& file : registry.signing_certificates(camera.id)) {
    auto certificate = envelope::Certificate::from_pem(file.content, file.path);
    if (certificate.is_signed_by(authority.certificate) || certificate.is_renewed_by(authority.certificate))
      listed.ours.push_back({std::move(certificate), reason ? reason->crl_code : 0, revoked_at, invalid_since});
    else
      ++listed.others;
  }
}

static int crl_command(const config::Arguments& arguments) {
  const auto out = needed(arguments, "out");
  const auto days = parse_decimal(arguments.get("days", std::to_string(kDefaultListDays)), kMostListDays);
  if (!days || *days == 0) throw Error(ErrorKind::usage, "--days is a number from 1 to " + std::to_string(kMostListDays));
  refuse_existing(out);
  static_cast<void>(needed(arguments, "authority-key"));
  const Authority authority(arguments, read_certificate(arguments.get("authority", paths_of(arguments).authority)));
  const auto registry = registry_of(arguments);
  Listed listed;
  for (const auto& id : registry.list())
    if (const auto camera = enrolled_camera(registry, id); camera.state == registry::State::revoked) list_camera(registry, camera, authority, listed);
  const auto now = now_ms();
  commit_file(out, as_bytes(envelope::issue_crl(listed.ours, now, now + static_cast<TimeMs>(*days) * kDay, *authority.key, authority.certificate)), 0644);
  say("{} certificates of revoked cameras are in {}\n", listed.ours.size(), escape_untrusted(out, kLongestSubject));
  if (listed.others == 0) return 0;
  fmt::print(stderr, "{}: {} are not, by another issuer: make its list with its key and --authority\n", kProgram, listed.others);
  return 1;
}

std::vector<Command> revocation_commands() {
  return {{"camera revoke", "ID --reason WORD [--stolen-at TIME]", "Ends a camera for ever; after a theft, what came later is void.",
           {{"reason", "WORD", "stolen, lost, key-compromise or retired"},
            {"stolen-at", "TIME", "since when somebody else may have had it (UTC; default: now)"},
            {"registry", "DIR", "the cameras' registry (default: the server's); no session is ended then"}},
           revoke_command, 1, 1},
          {"crl", "--authority-key KEY --out FILE", "Writes the certificates of revoked cameras as a certificate revocation list.",
           {{"authority-key", "KEY", "the authority's key"},
            {"authority", "CERT", "its certificate (default: the server's)"},
            {"passphrase-file", "FILE", "the passphrase of that key (mode 0600)"},
            {"days", "N", "when a newer one is due (default: 366)"},
            {"registry", "DIR", "the cameras' registry (default: the server's)"},
            {"out", "FILE", "where the list goes; must not exist"}},
           crl_command, 0, 0}};
}

}  // namespace shutterseal::custody
