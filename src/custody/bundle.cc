// SPDX-License-Identifier: Apache-2.0
#include "src/custody/bundle.h"

#include <fmt/format.h>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/envelope/receipt.h"
#include "src/server/trust.h"

namespace shutterseal::custody {

static std::vector<envelope::TlsAuthority> tls_authorities(const ServerPaths& paths) {
  std::vector<envelope::TlsAuthority> all;
  if (!exists(paths.tls_authorities)) return all;
  for (const auto& file : read_guarded_files(paths.tls_authorities, ".pem", kLargestPem)) all.push_back(envelope::TlsAuthority::from_pem(file.content, file.path));
  return all;
}

BundleFile make_bundle(const ServerPaths& paths, const registry::Camera& camera, const envelope::Certificate& certificate, const Authority& authority,
                       std::optional<std::uint64_t> receipt_floor) {
  const auto profile = registry::read_server_profile(paths.server_conf);
  const auto receipts = read_guarded_file(paths.receipt_key, kLargestPem, Secrecy::trusted);
  const envelope::Bundle bundle{.serial = camera.bundle_serial,
                                .camera = camera.id,
                                .urls = profile.urls,
                                .host_key_pins = profile.host_key_pins,
                                .tls_authorities = tls_authorities(paths),
                                .receipt_pins = {envelope::Certificate::from_pem(receipts, paths.receipt_key).fingerprint},
                                .custodians = server::read_certificates(paths.custodians),
                                .certificate = {certificate},
                                .receipt_floor = receipt_floor};
  const auto text = envelope::bundle_text(bundle);
  const auto checked = envelope::parse_bundle_text(text);
  if (!checked.value) throw Error(ErrorKind::config, "the server's configuration makes no bundle: " + checked.reason);
  if (!authority.key) return {Bytes(text.begin(), text.end()), true};
  return {envelope::sign_bundle(text, *authority.key, authority.certificate), false};
}

std::string next_step(const BundleFile& bundle, const std::string& file) {
  const auto name = escape_untrusted(file, kLongestSubject);
  if (bundle.is_draft) return "next, on the authority's host: shutterseal bundle sign " + name + " --authority-key KEY --authority CERT --out BUNDLE";
  return "next, on the camera: shutterseal-upload accept " + name;
}

static int sign_command(const config::Arguments& arguments) {
  const auto& draft = arguments.operands()[2];
  const auto out = needed(arguments, "out");
  refuse_existing(out);
  const auto content = read_file(draft, envelope::kLargestBundle);
  const auto reading = envelope::parse_bundle_text(as_text(content));
  if (!reading.value) throw Error(ErrorKind::data, "'" + escape_untrusted(draft, kLongestSubject) + "' is no draft of a bundle: " + reading.reason);
  static_cast<void>(needed(arguments, "authority-key"));
  const Authority authority(arguments, read_certificate(needed(arguments, "authority")));
  commit_file(out, envelope::sign_bundle(as_text(content), *authority.key, authority.certificate), 0644);
  say("bundle {} of camera {} is signed; the authority's fingerprint is {}\n", reading.value->serial, reading.value->camera.text(),
             authority.certificate.fingerprint.hex());
  return 0;
}

static int show_command(const config::Arguments& arguments) {
  const auto& file = arguments.operands()[2];
  const auto content = read_file(file, envelope::kLargestBundle);
  auto draft = envelope::parse_bundle_text(as_text(content));
  if (!draft.value) {
    const auto authority = envelope::bundle_authority(content);
    if (!authority) throw Error(ErrorKind::data, "'" + escape_untrusted(file, kLongestSubject) + "' is neither a bundle nor a draft of one");
    auto signed_one = envelope::read_bundle(content, *authority);
    if (!signed_one.value) throw Error(ErrorKind::data, "'" + escape_untrusted(file, kLongestSubject) + "': " + signed_one.reason);
    say("signed by the authority {}\n", authority->hex());
    draft.value = std::move(signed_one.value->bundle);
  } else {
    say("a draft, not signed\n");
  }
  say("{}", envelope::bundle_text(*draft.value));
  return 0;
}

std::vector<Command> bundle_commands() {
  return {{"bundle sign", "DRAFT --authority-key KEY --authority CERT --out BUNDLE", "Signs a draft of a bundle, on the authority's host.",
           {{"authority-key", "KEY", "the authority's key"},
            {"authority", "CERT", "the authority's certificate"},
            {"passphrase-file", "FILE", "the passphrase of that key (mode 0600)"},
            {"out", "FILE", "where the bundle goes; must not exist"}},
           sign_command, 1, 1},
          {"bundle show", "FILE", "Shows what a bundle or a draft says, and who signed it.", {}, show_command, 1, 1}};
}

}  // namespace shutterseal::custody
