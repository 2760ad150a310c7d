// SPDX-License-Identifier: Apache-2.0
// server check: what is installed and what the daemons would really do, held against what is needed. Looks, and touches no network.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/custody/commands.h"
#include "src/custody/fault.h"
#include "src/custody/files.h"
#include "src/custody/intermediate.h"
#include "src/custody/places.h"
#include "src/custody/tool.h"
#include "src/envelope/envelope.h"
#include "src/report/json.h"
#include "src/server/trust.h"
#include "src/server/waiting.h"

namespace shutterseal::custody {

static constexpr std::size_t kLargestInstalled = 256 * 1024 * 1024;
static const char* const kLimits = "session required pam_limits.so conf=/etc/shutterseal/limits.conf";
static const char* const kLimited = "session [success=ignore default=1] pam_succeed_if.so quiet user ingroup shutterseal-cameras:shutterseal-enrol";
static const char* const kSharedHost = "/etc/ssh/sshd_config.d/shutterseal.conf";  // as etc/sshd/shared-host.conf says
static const char* const kRepair = "shutterseal camera repair";

// ---- files and accounts -----------------------------------------------------------------------------------------------------------------

static void check_places(const std::vector<Place>& places, bool private_tree, Faults& faults) {
  for (const auto& place : places)
    if (const auto fault = fault_of(place, private_tree); !fault.empty()) faults.push_back({place.path, fault, kRepair});
}

static void check_camera(const ServerPaths& paths, const Owners& owners, const registry::Registry& registry, const CameraId& id, Faults& faults) {
  check_places(registry_places(paths, owners, registry, id), owners.private_tree, faults);
  static_cast<void>(server::camera_signers(registry, id));  // what its drops are judged by
  const auto camera = registry.find(id);
  if (!camera) return;
  if (!is_final(camera->state)) check_places(drop_places(paths, owners, id, camera->uid), owners.private_tree, faults);
  if (owners.private_tree) return;
  const auto account = find_account(id.account());
  if (!account) return faults.push_back({"account " + id.account(), "is missing", kRepair});
  if (account->uid != camera->uid || account->gid != owners.cameras_gid)
    faults.push_back({"account " + id.account(), "is not the one in camera.conf, or not in the group " + std::string(kCameraGroup), "usermod -u " + std::to_string(camera->uid) + " -g " + kCameraGroup + " " + id.account()});
  // A revocation that was cut: nobody gets in, and the key might come into use again elsewhere.
  if (camera->state == registry::State::revoked && (!registry.authorized_key(id).empty() || !registry.password_hash(id).empty()))
    faults.push_back({"camera " + id.text(), "is revoked and still has an SSH key or a password",
                      "shutterseal camera revoke " + id.text() + " --reason " + escape_untrusted(camera->reason)});
}

// False: without them nothing more can be asked.
static bool has_accounts(Faults& faults) {
  for (const auto* name : {kDaemonAccount, kAlertAccount})
    if (!find_account(name)) faults.push_back({"account " + std::string(name), "is missing", "systemd-sysusers, or shutterseal init"});
  return find_account(kDaemonAccount).has_value();
}

static void check_registry(const ServerPaths& paths, bool private_tree, Faults& faults) {
  const auto owners = server_owners(private_tree);
  check_places(server_places(paths, owners), private_tree, faults);
  if (!exists(paths.cameras)) return;
  const registry::Registry registry(paths.cameras);
  for (const auto& id : registry.list()) {
    try {
      check_camera(paths, owners, registry, id, faults);
    } catch (const Error& error) {
      faults.push_back({"camera " + id.text(), error.what(), "mend the file that is named"});
    }
  }
}

// What the daemon met that looking at places does not show: a quota, a disk of a camera's own.
static void check_waiting(const ServerPaths& paths, Faults& faults) {
  for (const auto& [camera, reason] : server::read_waiting(paths.waiting)) faults.push_back({"camera " + camera.text(), "waits: " + reason, "mend what is named"});
}

// Cameras whose renewals fail still log in for their grace, so that nobody notices before it is late.
static void check_intermediate(const ServerPaths& paths, Faults& faults) {
  if (!exists(paths.intermediate)) return;  // certificates are renewed by hand here
  static constexpr TimeMs kSoon = 90 * kDay;
  const auto* const mend = "shutterseal intermediate new, sign, install";
  try {
    const auto end = read_intermediate(paths).certificate.not_after;
    if (end - now_ms() < kSoon) faults.push_back({paths.intermediate, "ends " + rfc3339(end), mend});
  } catch (const Error& error) {
    faults.push_back({paths.intermediate, error.what(), mend});
  }
}

// ---- what make install put there ----------------------------------------------------------------------------------------------------------

// "SHA256 MODE PATH" a line, beside the helper programs of this very installation.
static std::string manifest_path() {
  std::array<char, 4096> self{};
  if (::readlink("/proc/self/exe", self.data(), self.size() - 1) < 0) throw_errno("cannot read", "/proc/self/exe");
  const std::string path(self.data());
  return path.substr(0, path.rfind('/')) + "/../libexec/shutterseal/manifest";
}

static void check_installed(const std::string& line, Faults& faults) {
  const auto fields = split(line, ' ');
  if (fields.size() != 3) return faults.push_back({"manifest", "has a line that is none of ours", "make install"});
  const std::string path(fields[2]);
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return faults.push_back({path, "is missing", "make install"});
  if (info.st_uid != 0 || (info.st_mode & 022) != 0) return faults.push_back({path, "can be changed by others than root", "chown root:root, chmod go-w"});
  if (fmt::format("{:o}", info.st_mode & 07777) != fields[1]) faults.push_back({path, fmt::format("has mode {:o}", info.st_mode & 07777), fmt::format("chmod {} {}", fields[1], path)});
  if (envelope::sha256(read_file(path, kLargestInstalled)).hex() != fields[0]) faults.push_back({path, "is not what was installed", "make install"});
}

static void check_manifest(Faults& faults) {
  const auto path = manifest_path();
  if (!exists(path)) return faults.push_back({path, "is missing: not installed by make install", "make install"});
  const auto content = read_guarded_file(path, kLargestTextFile, Secrecy::trusted);
  for (const auto line : split(as_text(content), '\n'))
    if (!line.empty()) check_installed(std::string(line), faults);
}

// ---- sshd -----------------------------------------------------------------------------------------------------------------------------

using Wanted = std::vector<std::pair<const char*, const char*>>;

// As sshd -T prints it for a camera: what a Match block, an Include or a default made of the file.
static const Wanted& wanted_of_sshd() {
  static const Wanted wanted{{"usepam", "yes"},
                             {"authenticationmethods", "publickey"},
                             {"passwordauthentication", "no"},
                             {"kbdinteractiveauthentication", "no"},
                             {"hostbasedauthentication", "no"},
                             {"permitrootlogin", "no"},
                             {"permitemptypasswords", "no"},
                             {"authorizedkeysfile", "/etc/shutterseal/cameras/%u/authorized_keys"},
                             {"chrootdirectory", "/srv/shutterseal/drop/%u"},
                             {"forcecommand", "internal-sftp -u 0027 -l ERROR -p realpath,open,write,close,rename,read"},
                             {"disableforwarding", "yes"},
                             {"permittty", "no"},
                             {"permituserrc", "no"},
                             {"permituserenvironment", "no"},
                             {"permittunnel", "no"},
                             {"x11forwarding", "no"},
                             {"allowgroups", "shutterseal-cameras"},
                             {"compression", "no"}};
  return wanted;
}

// And for who enrols by invitation.
static const Wanted& wanted_of_enrolment() {
  static const Wanted wanted{{"authenticationmethods", "publickey"},
                             {"passwordauthentication", "no"},
                             {"kbdinteractiveauthentication", "no"},
                             {"authorizedkeysfile", "/etc/shutterseal/enrol/authorized_keys"},
                             {"chrootdirectory", "/srv/shutterseal/drop/enrol"},
                             {"forcecommand", "internal-sftp -u 0577 -l ERROR -p realpath,open,write,close,rename,read"},
                             {"disableforwarding", "yes"},
                             {"permittty", "no"},
                             {"permituserrc", "no"},
                             {"permituserenvironment", "no"},
                             {"permittunnel", "no"},
                             {"x11forwarding", "no"}};
  return wanted;
}

static std::map<std::string, std::string> effective(const std::string& output) {
  std::map<std::string, std::string> values;
  for (const auto line : split(output, '\n')) {
    const auto space = line.find(' ');
    if (space != std::string_view::npos) values.emplace(line.substr(0, space), line.substr(space + 1));
  }
  return values;
}

static void check_sshd_for(const std::string& file, const std::string& user, const Wanted& wanted, Faults& faults) {
  const auto answer = ask_tool({"/usr/sbin/sshd", "-T", "-f", file, "-C", "user=" + user + ",host=localhost,addr=127.0.0.1"});
  if (answer.status != 0) return faults.push_back({file, answer.output.substr(0, answer.output.find('\n')), "sshd -t -f " + file});
  const auto values = effective(answer.output);
  for (const auto& [key, value] : wanted) {
    const auto found = values.find(key);
    const std::string is = found == values.end() ? "nothing" : found->second;
    if (is != value) faults.push_back({file, std::string(key) + " is " + is, std::string(key) + " " + value});
  }
}

static void check_sshd(const ServerPaths& paths, Faults& faults) {
  const auto file = paths.config_dir + "/sshd_config";
  if (!exists(file)) return faults.push_back({file, "is missing", "make install"});
  Faults found;
  check_sshd_for(file, "cam-check", wanted_of_sshd(), found);
  // What is wrong for both is said once.
  check_sshd_for(file, kEnrolAccount, wanted_of_enrolment(), found);
  for (const auto& one : found)
    if (std::none_of(faults.begin(), faults.end(), [&](const Fault& told) { return told.subject == one.subject && told.found == one.found; })) faults.push_back(one);
}

// ---- PAM, the FTP server, fail2ban ------------------------------------------------------------------------------------------------------

// The lines of a file without comments, words separated by one space.
static std::set<std::string> lines_of(const std::string& path) {
  std::set<std::string> lines;
  const auto content = read_file(path, kLargestTextFile);
  for (const auto line : split(as_text(content), '\n')) {
    std::string plain;
    std::string spaced(line.substr(0, line.find('#')));
    std::replace(spaced.begin(), spaced.end(), '\t', ' ');
    for (const auto word : split(spaced, ' '))
      if (!word.empty()) plain += (plain.empty() ? "" : " ") + std::string(word);
    if (!plain.empty()) lines.insert(plain);
  }
  return lines;
}

static void check_lines(const std::string& path, const std::vector<std::string>& wanted, Faults& faults) {
  if (!exists(path)) return faults.push_back({path, "is missing", "make install"});
  const auto lines = lines_of(path);
  for (const auto& line : wanted)
    if (!lines.contains(line)) faults.push_back({path, "lacks: " + line, line});
}

// In a file that is a stack, another line may let in whom ours refuses.
static void check_pam(const std::string& path, const std::vector<std::string>& wanted, Faults& faults) {
  check_lines(path, wanted, faults);
  if (!exists(path)) return;
  for (const auto& line : lines_of(path))
    if (line.find(" sufficient ") != std::string::npos || line.starts_with("@include") || line.find(" include ") != std::string::npos)
      faults.push_back({path, "has a line that may let others in: " + line, "remove that line"});
}

// Where people log in, too, other lines are theirs.
static void check_shared_host(Faults& faults) {
  if (exists(kSharedHost)) check_lines("/etc/pam.d/sshd", {kLimited, kLimits}, faults);
}

static void check_ftp(const ServerPaths& paths, Faults& faults) {
  if (!exists(paths.config_dir + "/ftp.pem")) return;  // no certificate: FTPS is not offered here
  const auto file = paths.config_dir + "/proftpd.conf";
  check_lines(file, {"TLSEngine on", "TLSRequired on", "TLSProtocol TLSv1.2", "AuthOrder mod_auth_pam.c* mod_auth_unix.c", "AuthPAMConfig shutterseal-ftp", "RootLogin off",
                     "DefaultRoot /srv/shutterseal/drop/%u", "AllowForeignAddress off", "ServerIdent on \"FTP\"", "AllowOverride off"}, faults);
  if (!exists(file)) return;
  for (const auto& line : lines_of(file))
    if (line.starts_with("<Anonymous") || line.find("NoSessionReuseRequired") != std::string::npos) faults.push_back({file, "has: " + line, "remove that line"});
  const auto answer = ask_tool({"/usr/sbin/proftpd", "--configtest", "--config", file});
  if (answer.status != 0) faults.push_back({file, "does not pass proftpd --configtest", "apt install proftpd-core proftpd-mod-crypto; proftpd --configtest --config " + file});
}

static void check_fail2ban(Faults& faults) {
  const auto answer = ask_tool({"/usr/bin/fail2ban-client", "-d"});
  if (answer.status != 0) return faults.push_back({"fail2ban", "is not installed, or its configuration is broken", "apt install fail2ban nftables python3-systemd; fail2ban-client -d"});
  for (const auto* jail : {"shutterseal-pam", "shutterseal-sshd", "shutterseal-parcels"})
    if (answer.output.find("['add', '" + std::string(jail) + "'") == std::string::npos)
      faults.push_back({"fail2ban", "the jail " + std::string(jail) + " is off", "/etc/fail2ban/jail.local: [" + std::string(jail) + "] enabled = true"});
}

// ---- the command ------------------------------------------------------------------------------------------------------------------------

static void check_server(const std::string& root, const ServerPaths& paths, bool private_tree, Faults& faults) {
  if (!private_tree && !has_accounts(faults)) return;
  try {
    check_registry(paths, private_tree, faults);
  } catch (const Error& error) {
    faults.push_back({paths.cameras, error.what(), kRepair});
  }
  check_waiting(paths, faults);
  check_intermediate(paths, faults);
  check_daemon(root, paths, private_tree, faults);
}

static Faults check_host(const ServerPaths& paths) {
  Faults faults;
  check_manifest(faults);
  check_server("", paths, false, faults);
  check_sshd(paths, faults);
  check_pam("/etc/pam.d/shutterseal-sshd", {"auth requisite pam_deny.so", "account required pam_shutterseal.so", "session required pam_shutterseal.so", kLimits}, faults);
  check_pam("/etc/pam.d/shutterseal-ftp", {"auth required pam_shutterseal.so", "account required pam_shutterseal.so", "session required pam_shutterseal.so", kLimits}, faults);
  check_shared_host(faults);
  check_ftp(paths, faults);
  check_fail2ban(faults);
  check_running(paths, faults);
  return faults;
}

static Faults check_tree(const std::string& root, const ServerPaths& paths) {
  Faults faults;
  check_server(root, paths, true, faults);
  return faults;
}

static int check_command(const config::Arguments& arguments) {
  const bool private_tree = is_private_tree(arguments);
  if (!private_tree && ::geteuid() != 0) throw Error(ErrorKind::permission, "server check reads what only root can read");
  const auto faults = private_tree ? check_tree(arguments.get("root"), paths_of(arguments)) : check_host(paths_of(arguments));
  for (const auto& one : faults) {
    if (arguments.has("json"))
      say("{}\n", report::to_text(report::Json{{"subject", one.subject}, {"found", escape_untrusted(one.found, kLongestSubject)}, {"mend", one.mend}}));
    else
      say("{}: {}\n  mend: {}\n", escape_untrusted(one.subject, kLongestSubject), escape_untrusted(one.found, kLongestSubject), escape_untrusted(one.mend, kLongestSubject));
  }
  if (!arguments.has("json") && private_tree) say("with --root the files below it were looked at, and whether the daemon could start on them; neither what runs nor what is installed\n");
  if (!arguments.has("json")) say("{} wrong\n", faults.size());
  return faults.empty() ? 0 : 1;
}

std::vector<Command> server_commands() {
  return {{"server check", "", "Holds installation, accounts, the daemons' effective configuration and what runs against what is needed; no network. Exit 1: something is wrong.",
           {{"json", "", "one object a fault"}}, check_command, 0, 0}};
}

}  // namespace shutterseal::custody
