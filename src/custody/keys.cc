// SPDX-License-Identifier: Apache-2.0
// keys: an authority and a custodian, on a host that need not be online. init: the server's folders and its own receipt key.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/files.h"
#include "src/custody/places.h"
#include "src/envelope/receipt.h"
#include "src/transport/transport.h"

namespace shutterseal::custody {

static constexpr TimeMs kHour = 3600 * 1000;        // a verifier's clock may be behind
static constexpr TimeMs kKeyLife = 30 * 365 * kDay;  // longer than any camera certificate that the authority will issue

static envelope::Certificate issue(envelope::Role role, const std::string& name, const envelope::Point& subject,
                                   const envelope::PrivateKey& issuer_key, const envelope::Certificate* issuer) {
  const auto now = now_ms();
  return envelope::issue_certificate({role, name, subject, now - kHour, now + kKeyLife}, issuer_key, issuer);
}

struct NewFile {
  std::string name;
  Bytes content;
  mode_t mode;
};

static Bytes bytes_of(const std::string& text) { return Bytes(text.begin(), text.end()); }

// All or none: a directory with half of them can neither be used nor be made again.
static void commit_keys(const std::string& path, const std::vector<NewFile>& files) {
  const auto dir = open_dir(path);
  CommitGroup group;
  for (const auto& file : files) group.add(dir.get(), file.name, {file.content}, file.mode, path + "/" + file.name);
  const auto linked = group.commit();
  if (std::any_of(linked.begin(), linked.end(), [](Linked one) { return one != Linked::created; }))
    throw Error(ErrorKind::cannot_create, "somebody else makes keys in '" + escape_untrusted(path, kLongestSubject) + "'");
}

static void make_keys(const std::string& dir, const config::Arguments& arguments) {
  for (const auto* file : {"authority.key", "authority.pem", "custodian.key", "custodian.pem"}) refuse_existing(dir + "/" + file);
  const auto passphrase = obtain_secret(arguments.get("passphrase-file"), "shutterseal-passphrase", "passphrase for both keys", true);
  make_dirs(dir, 0700);
  const auto authority_key = envelope::PrivateKey::generate();
  const auto authority = issue(envelope::Role::authority, "shutterseal authority", authority_key.public_point(), authority_key, nullptr);
  const auto custodian_key = envelope::PrivateKey::generate();
  const auto custodian = issue(envelope::Role::custodian, "shutterseal custodian", custodian_key.public_point(), authority_key, &authority);
  say("authority fingerprint: {}\n", authority.fingerprint.hex());
  deliver();  // who could not read it has no keys either
  commit_keys(dir, {{"authority.key", authority_key.to_pem(passphrase), 0600},
                    {"authority.pem", bytes_of(authority.to_pem()), 0644},
                    {"custodian.key", custodian_key.to_pem(passphrase), 0600},
                    {"custodian.pem", bytes_of(custodian.to_pem()), 0644}});
}

static int keys_command(const config::Arguments& arguments) {
  const auto& dir = arguments.operands()[1];
  make_keys(dir, arguments);
  say("authority.key, authority.pem, custodian.key and custodian.pem are in {}\n"
             "Keep the keys off every online host, and copies of custodian.key and its passphrase in two places: without them no\n"
             "picture can ever be opened. Compare the fingerprint above when a camera accepts its first bundle.\n",
             escape_untrusted(dir, kLongestSubject));
  return 0;
}

// ---- init -----------------------------------------------------------------------------------------------------------------------

static registry::ServerProfile profile_of(const config::Arguments& arguments) {
  registry::ServerProfile profile;
  profile.urls = arguments.all("url");
  if (profile.urls.empty() || profile.urls.size() > 8) throw Error(ErrorKind::usage, "1 to 8 --url are needed (see --help)");
  for (const auto& url : profile.urls)
    if (!transport::parse_target(url))
      throw Error(ErrorKind::usage, "--url is sftp://HOST[:PORT]/ or ftps://HOST[:PORT]/, not '" + escape_untrusted(url) + "'");
  for (const auto& file : arguments.all("host-key")) {
    const auto content = read_file(file, kLargestPem);
    const auto text = as_text(content);
    const auto pin = envelope::ssh_fingerprint(text.substr(0, std::min(text.find('\n'), text.size())));
    if (!pin) throw Error(ErrorKind::data, "'" + escape_untrusted(file, kLongestSubject) + "' is no SSH public key");
    profile.host_key_pins.push_back(*pin);
  }
  if (profile.host_key_pins.empty() || profile.host_key_pins.size() > 4)
    throw Error(ErrorKind::usage, "1 to 4 --host-key files are needed (see --help)");
  return profile;
}

// A fresh receipt key signs nothing but receipts; its certificate is pinned by fingerprint, so nobody needs to issue it.
static void make_receipt_key(const std::string& path) {
  const auto key = envelope::PrivateKey::generate();
  const auto certificate = issue(envelope::Role::receipt, "shutterseal receipts", key.public_point(), key, nullptr);
  auto pem = key.to_pem(Secret());
  const auto certificate_pem = certificate.to_pem();
  pem.insert(pem.end(), certificate_pem.begin(), certificate_pem.end());
  commit_file(path, pem, 0600);
  wipe(pem.data(), pem.size());
}

template <class Certificates>
static void store_certificates(const std::string& dir, const Certificates& certificates) {
  if (!certificates.empty()) make_dirs(dir, 0755);
  for (const auto& one : certificates) commit_file(dir + "/" + envelope::sha256(one.der).hex() + ".pem", as_bytes(one.to_pem()), 0644);
}

struct Certificates {
  envelope::Certificate authority;
  std::vector<envelope::Certificate> custodians;
  std::vector<envelope::TlsAuthority> tls_authorities;
};

static void make_server(const ServerPaths& paths, const Certificates& certificates, const registry::ServerProfile& profile, bool private_tree) {
  if (!private_tree) ensure_server_accounts();
  const auto places = server_places(paths, server_owners(private_tree));
  for (const auto& place : places)
    if (place.type == S_IFDIR && place.needed) make_dirs(place.path, place.mode & 0777);
  make_dirs(paths.run_dir, 0750);  // a service manager makes it anew at each boot; without one the daemon could not
  store_certificates(paths.custodians, certificates.custodians);
  store_certificates(paths.tls_authorities, certificates.tls_authorities);
  make_receipt_key(paths.receipt_key);
  write_server_profile(paths.server_conf, profile);
  commit_file(paths.authority, as_bytes(certificates.authority.to_pem()), 0644);  // last: its presence says that init was done
  for (const auto& place : places) put_right(place, private_tree);
}

static void check_custodians(const envelope::Certificate& authority, const std::vector<envelope::Certificate>& custodians) {
  if (!authority.is_authority) throw Error(ErrorKind::data, "the --authority certificate is not one of an authority");
  if (custodians.empty() || custodians.size() > envelope::kMostCustodians) throw Error(ErrorKind::usage, "1 to 16 --custodian are needed");
  for (const auto& custodian : custodians)
    if (!custodian.is_signed_by(authority)) throw Error(ErrorKind::data, "custodian '" + escape_untrusted(custodian.common_name) + "' is not certified by this authority");
}

static void check_tls(const registry::ServerProfile& profile, const std::vector<envelope::TlsAuthority>& authorities) {
  const bool ftps = std::any_of(profile.urls.begin(), profile.urls.end(), [](const auto& url) { return transport::parse_target(url)->is_ftps(); });
  if (ftps == authorities.empty() || authorities.size() > 4)
    throw Error(ErrorKind::usage, "1 to 4 --tls-authority belong to a --url of ftps://, and only to that");
}

// In a private tree sshd's forced command names the drop directory, and internal-sftp splits what it is given at spaces and knows no quotation mark: nothing
// would ever arrive.
static void refuse_unspeakable(const std::string& drop) {
  if (drop.find_first_of(" \t\"%") != std::string::npos)
    throw Error(ErrorKind::usage, "sshd's internal-sftp cannot be told of '" + escape_untrusted(drop, kLongestSubject) + "': choose a --root without space, quotation mark and '%'");
}

static int init_command(const config::Arguments& arguments) {
  const auto paths = paths_of(arguments);
  refuse_existing(paths.authority);
  if (is_private_tree(arguments)) refuse_unspeakable(paths.drop);
  const auto profile = profile_of(arguments);
  const auto fresh = arguments.get("new-keys");
  if (!fresh.empty()) {
    make_keys(fresh, arguments);
    fmt::print(stderr, "{}: warning: the keys of authority and custodian lie on this host: move {} away from it\n", kProgram,
               escape_untrusted(fresh, kLongestSubject));
  }
  Certificates certificates{read_certificate(fresh.empty() ? needed(arguments, "authority") : fresh + "/authority.pem"), {}, {}};
  for (const auto& file : fresh.empty() ? arguments.all("custodian") : std::vector{fresh + "/custodian.pem"})
    certificates.custodians.push_back(read_certificate(file));
  for (const auto& file : arguments.all("tls-authority")) certificates.tls_authorities.push_back(envelope::TlsAuthority::from_pem(read_file(file, kLargestPem), file));
  check_custodians(certificates.authority, certificates.custodians);
  check_tls(profile, certificates.tls_authorities);
  make_server(paths, certificates, profile, is_private_tree(arguments));
  if (certificates.custodians.size() == 1)
    fmt::print(stderr, "{}: warning: one custodian alone: who loses that key loses every picture\n", kProgram);
  say("the server is in {}; next: shutterseal camera add\n", escape_untrusted(paths.config_dir, kLongestSubject));
  return 0;
}

std::vector<Command> key_commands() {
  return {{"keys", "DIR", "Makes the keys and certificates of an authority and a custodian in DIR.",
           {{"passphrase-file", "FILE", "the passphrase for both keys (mode 0600)"}}, keys_command, 1, 1},
          {"init", "--authority CERT --custodian CERT... --url URL... --host-key FILE...", "Makes the folders of a drop server.",
           {{"authority", "CERT", "certificate of the authority"},
            {"custodian", "CERT", "certificates of those who can open pictures", true},
            {"url", "URL", "sftp:// or ftps://HOST[:PORT]/ as the cameras reach it; 1 to 8", true},
            {"tls-authority", "CERT", "who certifies the FTP server; needed with ftps://", true},
            {"host-key", "FILE", "public host keys of sshd, pinned by the cameras; 1 to 4", true},
            {"new-keys", "DIR", "make the keys, too, for a trial on one host"},
            {"passphrase-file", "FILE", "with --new-keys: the passphrase for both keys"}},
           init_command, 0, 0}};
}

}  // namespace shutterseal::custody
