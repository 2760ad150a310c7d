// SPDX-License-Identifier: Apache-2.0
// camera sign, add, bundle: from a camera's request to its certificate, account, folders and bundle, one at a time or from a CSV.
#include <fmt/format.h>
#include <unistd.h>

#include <functional>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/bundle.h"
#include "src/custody/commands.h"
#include "src/custody/enrolment.h"
#include "src/custody/files.h"
#include "src/custody/places.h"
#include "src/custody/progress.h"
#include "src/ledger/index.h"
#include "src/server/trust.h"

namespace shutterseal::custody {

static constexpr std::size_t kLargestCsv = 64 * 1024 * 1024;

static envelope::Request read_request(const std::string& path) {
  auto reading = envelope::read_request_pem(read_file(path, kLargestPem));
  if (!reading.request) throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' is no request: " + reading.reason);
  return std::move(*reading.request);
}

static int sign_command(const config::Arguments& arguments) {
  const auto request = read_request(arguments.operands()[2]);
  const auto out = needed(arguments, "out");
  refuse_existing(out);
  const Authority authority(arguments, read_certificate(needed(arguments, "authority")));
  const auto certificate = authority.certify(arguments, request);
  commit_file(out, as_bytes(certificate.to_pem()), 0644);
  say("camera {}: certificate {} until {}\n", request.camera.text(), certificate.fingerprint.hex(), rfc3339(certificate.not_after));
  return 0;
}

// ---- add ------------------------------------------------------------------------------------------------------------------------

static std::string blob_of(const envelope::Request& request) {
  const auto space = request.ssh_public_key.find(' ');
  SHUTTERSEAL_BUG_UNLESS(space != std::string::npos);
  return request.ssh_public_key.substr(space + 1);
}

// One camera's damaged file is named and stops nobody else's enrolment.
static void try_to_read(const CameraId& id, const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    Log(kProgram, true, LogLevel::info).error(LogLine("trouble").field("camera", id.text()).sentence("reason", error.what()));
  }
}

// SECURITY: a key is taken as soon as it can be read, whether its certificate counts, is too open or is another's: what is refused too much here costs
// one enrolment.
KnownKeys::KnownKeys(const registry::Registry& registry) {
  for (const auto& id : registry.list()) {
    try_to_read(id, [&] {
      const auto line = registry.authorized_key(id);
      for (const auto word : split(line, ' '))
        if (word.starts_with("AAAA")) ssh_.emplace(word, id);
    });
    std::vector<std::string> names;
    try_to_read(id, [&] { names = list_dir(open_dir(registry.signing_folder(id)).get()); });
    for (const auto& name : names) {
      if (!name.ends_with(".pem") || name.starts_with('.')) continue;
      const auto path = registry.signing_folder(id) + "/" + name;
      try_to_read(id, [&] { signing_.emplace(envelope::Certificate::from_pem(read_file(path, kLargestPem), path).point, id); });
    }
  }
}

void KnownKeys::take(const envelope::Request& request) {
  const auto [ssh, new_ssh] = ssh_.emplace(blob_of(request), request.camera);
  if (!new_ssh) throw Error(ErrorKind::data, "the SSH key is that of camera " + ssh->second.text());
  const auto [signing, new_signing] = signing_.emplace(request.signing_key, request.camera);
  if (!new_signing) throw Error(ErrorKind::data, "the signing key is that of camera " + signing->second.text());
}

static unsigned make_drop(const ServerPaths& paths, const CameraId& id, bool private_tree) {
  const auto owners = server_owners(private_tree);
  const auto uid = private_tree ? ::geteuid() : ensure_camera_account(id);
  for (const auto& place : drop_places(paths, owners, id, uid)) put_right(place, private_tree);
  return uid;
}

// In a private tree one account receives for all cameras, so the forced command is what keeps each in its own folder.
static std::string key_line(const ServerPaths& paths, const envelope::Request& request, bool private_tree) {
  std::string line = "restrict";
  if (private_tree)
    line += ",command=\"internal-sftp -d " + paths.drop + "/" + request.camera.account() + " -p realpath,open,write,close,rename,read -u 0027\"";
  return line + " " + request.ssh_public_key + " " + request.camera.account() + "\n";
}

// A certificate made elsewhere must be this authority's, for this camera and this key.
static void check_certificate(const envelope::Certificate& certificate, const envelope::Request& request, const Authority& authority,
                              const std::string& path) {
  const auto refuse = [&path](const std::string& why) { throw Error(ErrorKind::data, "'" + escape_untrusted(path, kLongestSubject) + "' " + why); };
  if (!certificate.is_signed_by(authority.certificate)) refuse("is not by this server's authority");
  if (certificate.common_name != request.camera.account()) refuse("is for another camera");
  if (certificate.point != request.signing_key) refuse("is for another key than the request's");
  if (certificate.not_after < now_ms()) refuse("has expired");
}

Enrolment::Enrolment(const config::Arguments& arguments)
    : arguments_(arguments), paths_(paths_of(arguments)), registry_(paths_.cameras), authority_(arguments, read_certificate(paths_.authority)) {}

Enrolment::Checked Enrolment::check(const CameraId& id, envelope::Request request, const std::string& file) {
  if (registry_.find(id)) throw Error(ErrorKind::cannot_create, "camera " + id.text() + " is enrolled already");
  if (!known_) known_.emplace(registry_);
  known_->take(request);
  auto certificate = file.empty() ? authority_.certify(arguments_, request) : read_certificate(file);
  if (!file.empty()) check_certificate(certificate, request, authority_, file);
  return {std::move(request), std::move(certificate)};
}

BundleFile Enrolment::admit(const Checked& checked, const std::function<void(const BundleFile&)>& hand_out) const {
  const bool private_tree = is_private_tree(arguments_);
  const auto& [request, certificate] = checked;
  registry::Camera camera{.id = request.camera, .enrolled = now_ms(), .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {},
                          .expires = certificate.not_after, .networks = {}, .services = {}};
  auto content = make_bundle(paths_, camera, certificate, authority_);
  if (hand_out) hand_out(content);
  camera.uid = make_drop(paths_, request.camera, private_tree);
  registry_.enrol(camera, key_line(paths_, request, private_tree), certificate.fingerprint.hex(), certificate.to_pem());
  return content;
}

// The serial is stored before the bundle is out: it is never used twice.
BundleFile Enrolment::bundle_again(const CameraId& id) const {
  BundleFile content;
  static_cast<void>(registry_.update(id, [&](registry::Camera& one) {
    ++one.bundle_serial;
    content = make_bundle(paths_, one, server::newest_certificates(registry_, id).certified, authority_);
  }));
  return content;
}

// One camera to be enrolled: a command line, or a line of a CSV.
struct Row {
  CameraId id;
  std::string request, certificate, out;  // files; certificate may be empty: to be issued here
};

struct CheckedRow {
  Row row;
  Enrolment::Checked checked;
};

static CheckedRow check_row(Enrolment& enrolment, const Row& row) {
  refuse_existing(row.out);
  auto request = read_request(row.request);
  if (request.camera != row.id)
    throw Error(ErrorKind::data, "'" + escape_untrusted(row.request, kLongestSubject) + "' is for camera " + request.camera.text() + ", not " + row.id.text());
  return {row, enrolment.check(row.id, std::move(request), row.certificate)};
}

// Cut in between there is a bundle that lets nobody in, and the same call says that it exists.
static std::string enrol(const Enrolment& enrolment, const CheckedRow& one) {
  const auto& out = one.row.out;
  bool is_out = false;
  try {
    const auto content = enrolment.admit(one.checked, [&](const BundleFile& bundle) {
      commit_file(out, bundle.octets, 0644);
      is_out = true;
    });
    return next_step(content, out);
  } catch (const Error&) {
    if (is_out) static_cast<void>(::unlink(out.c_str()));
    throw;
  }
}

static int add_one(const config::Arguments& arguments) {
  if (arguments.operands().size() != 3) throw Error(ErrorKind::usage, "a camera's id, or --csv, is needed (see --help)");
  if (!arguments.has("certificate") && !arguments.has("authority-key"))
    throw Error(ErrorKind::usage, "--certificate or --authority-key is needed (see --help)");
  const Row row{camera_id(arguments.operands()[2]), needed(arguments, "request"), arguments.get("certificate"), needed(arguments, "out")};
  Enrolment enrolment(arguments);
  say("camera {} is enrolled; {}\n", row.id.text(), enrol(enrolment, check_row(enrolment, row)));
  return 0;
}

// "ID,REQUEST[,CERTIFICATE]"; no quoting: an id has none of it, and a path with a comma can be renamed. File names are relative to the CSV's folder.
static Row parse_row(std::string_view line, const std::string& folder, const std::string& out) {
  const auto fields = split(line, ',');
  if (fields.size() < 2 || fields.size() > 3) throw Error(ErrorKind::data, "not ID,REQUEST or ID,REQUEST,CERTIFICATE");
  const auto file = [&folder](std::string_view name) { return name.empty() || name.starts_with('/') ? std::string(name) : folder + "/" + std::string(name); };
  const auto id = CameraId::parse(fields[0]);
  if (!id) throw Error(ErrorKind::data, "'" + escape_untrusted(fields[0]) + "' is no camera id");
  return {*id, file(fields[1]), fields.size() == 3 ? file(fields[2]) : "", out + "/" + id->account() + ".p7m"};
}

static std::vector<CheckedRow> read_csv(const std::string& path, const std::string& out, Enrolment& enrolment) {
  const auto content = read_file(path, kLargestCsv);
  const auto slash = path.rfind('/');
  const auto folder = slash == std::string::npos ? "." : path.substr(0, slash);
  std::vector<CheckedRow> checked;
  std::size_t number = 0;
  for (auto line : split(as_text(content), '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    try {
      checked.push_back(check_row(enrolment, parse_row(line, folder, out)));
    } catch (const Error& error) {
      throw Error(error.kind(), escape_untrusted(path, kLongestSubject) + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  return checked;
}

static int add_many(const config::Arguments& arguments) {
  if (arguments.operands().size() != 2 || arguments.has("request") || arguments.has("certificate"))
    throw Error(ErrorKind::usage, "with --csv, ids, requests and certificates stand in the file");
  const auto out = needed(arguments, "out");
  Enrolment enrolment(arguments);
  const auto checked = read_csv(arguments.get("csv"), out, enrolment);
  make_dirs(out, 0755);
  Progress progress("cameras enrolled");
  std::uint64_t done = 0;
  for (const auto& one : checked) {
    static_cast<void>(enrol(enrolment, one));
    progress.show(++done);
  }
  say("{} cameras are enrolled; their bundles are in {}\n", done, escape_untrusted(out, kLongestSubject));
  return 0;
}

static int add_command(const config::Arguments& arguments) { return arguments.has("csv") ? add_many(arguments) : add_one(arguments); }

// ---- bundle ---------------------------------------------------------------------------------------------------------------------

// A number, or what this server numbers its receipts from: the next one counts then, and none that it gave before.
static std::optional<std::uint64_t> receipt_floor(const config::Arguments& arguments, const CameraId& id) {
  if (!arguments.has("receipt-floor")) return std::nullopt;
  const auto word = arguments.get("receipt-floor");
  if (word == "server") {
    const auto index = paths_of(arguments).index;
    return exists(index) ? ledger::Index(index, ledger::Access::read_only).receipt_number(id) : 0;
  }
  const auto number = parse_decimal(word, kLargestInteger);
  if (!number) throw Error(ErrorKind::usage, "--receipt-floor is a number, or the word 'server'");
  return number;
}

static int bundle_command(const config::Arguments& arguments) {
  const auto registry = registry_of(arguments);
  const auto paths = paths_of(arguments);
  const auto id = enrolled_camera(registry, camera_id(arguments.operands()[2])).id;
  const auto out = needed(arguments, "out");
  refuse_existing(out);
  const auto floor = receipt_floor(arguments, id);
  const Authority authority(arguments, read_certificate(paths.authority));  // may ask for a passphrase: nothing is held meanwhile
  BundleFile content;
  // The serial is stored before the bundle is out: it is never used twice.
  const auto camera = registry.update(id, [&](registry::Camera& one) {
    refuse_final(one);
    ++one.bundle_serial;
    content = make_bundle(paths, one, server::newest_certificates(registry, id).certified, authority, floor);
  });
  commit_file(out, content.octets, 0644);
  say("bundle {} of camera {}; {}\n", camera.bundle_serial, camera.id.text(), next_step(content, out));
  return 0;
}

std::vector<Command> enrolment_commands() {
  const config::Option authority_key{"authority-key", "KEY", "the authority's key: sign here and now"};
  const config::Option passphrase{"passphrase-file", "FILE", "the passphrase of that key (mode 0600)"};
  const config::Option days{"days", "N", "how long the certificate is good (default: 365)"};
  const config::Option out{"out", "FILE", "where the result goes; must not exist"};
  return {
      {"camera sign", "REQUEST --authority-key KEY --authority CERT --out CERT", "Certifies a camera's signing key, on the authority's host.",
       {authority_key, {"authority", "CERT", "the authority's certificate"}, passphrase, days, out}, sign_command, 1, 1},
      {"camera add", "(ID --request FILE [--certificate CERT] | --csv FILE) [--authority-key KEY] --out BUNDLE",
       "Enrols cameras: account, registry, drop directory and bundle. Without --authority-key the bundle is a draft for 'bundle sign'.",
       {{"request", "FILE", "the camera's request.pem"},
        {"certificate", "CERT", "made by 'camera sign'"},
        {"csv", "FILE", "many cameras: lines of ID,REQUEST or ID,REQUEST,CERTIFICATE; --out is then a directory"},
        authority_key, passphrase, days, out},
       add_command, 0, 1},
      {"camera bundle", "ID [--receipt-floor N] --out BUNDLE", "Makes a newer bundle for an enrolled camera.",
       {{"receipt-floor", "N", "lets the camera believe receipts again that are numbered above N ('server': above this server's last one), after index and receipts were lost"},
        authority_key, passphrase, {"registry", "DIR", "the cameras' registry (default: the server's)"}, out}, bundle_command, 1, 1},
  };
}

}  // namespace shutterseal::custody
