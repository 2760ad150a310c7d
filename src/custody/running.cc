// SPDX-License-Identifier: Apache-2.0
// What runs, and what could be started: a server whose files are all right may take no picture all the same.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/text.h"
#include "src/custody/accounts.h"
#include "src/custody/fault.h"
#include "src/custody/files.h"
#include "src/custody/tool.h"
#include "src/ledger/index.h"

namespace shutterseal::custody {

static const char* const kBooted = "/run/systemd/system";                          // sd_booted(3)
static const char* const kSharedHost = "/etc/ssh/sshd_config.d/shutterseal.conf";  // as etc/sshd/shared-host.conf says
static constexpr std::size_t kLargestTable = 16 * 1024 * 1024;

static std::string first_line(const std::string& output) { return output.substr(0, output.find('\n')); }

// ---- the daemon ---------------------------------------------------------------------------------------------------------------------------

// Installed, the daemon is in sbin; where it was built, beside us.
static std::string daemon_path() {
  std::array<char, 4096> self{};
  if (::readlink("/proc/self/exe", self.data(), self.size() - 1) < 0) throw_errno("cannot read", "/proc/self/exe");
  const std::string path(self.data());
  const auto folder = path.substr(0, path.rfind('/'));
  const auto installed = folder + "/../sbin/shutterseal-ingestd";
  return exists(installed) ? installed : folder + "/shutterseal-ingestd";
}

static void check_start(const std::string& root, bool private_tree, Faults& faults) {
  std::vector<std::string> words;
  if (!private_tree) words = {"/usr/bin/setpriv", "--reuid", kDaemonAccount, "--regid", kDaemonAccount, "--clear-groups", "--"};
  words.insert(words.end(), {daemon_path(), "--test"});
  if (!root.empty()) words.insert(words.end(), {"--root", root});
  const auto answer = ask_tool(words);
  if (answer.status == 0) return;
  faults.push_back({"shutterseal-ingestd", "cannot start: " + first_line(answer.output), "mend what is named, then: shutterseal-ingestd -t"});
}

static void check_index(const ServerPaths& paths, Faults& faults) {
  if (!exists(paths.index)) return;  // made by the daemon, from the evidence
  try {
    const ledger::Index index(paths.index, ledger::Access::read_only);
    for (const auto& camera : index.cameras()) {
      const auto runs = index.runs(camera, 1);
      const auto newest = runs.empty() ? std::nullopt : index.find_digest(runs.front().last_digest);
      if (!newest) continue;
      const auto file = (newest->place == ledger::Place::evidence ? paths.evidence : paths.void_dir) + "/" + newest->location;
      if (!exists(file)) faults.push_back({file, "is in the index and not there", "mount the evidence; when it was restored: shutterseal index rebuild"});
    }
  } catch (const Error& error) {
    faults.push_back({paths.index, error.what(), "shutterseal-ingestd, when it starts, or shutterseal index rebuild"});
  }
}

void check_daemon(const std::string& root, const ServerPaths& paths, bool private_tree, Faults& faults) {
  check_start(root, private_tree, faults);
  check_index(paths, faults);
}

// ---- systemd ------------------------------------------------------------------------------------------------------------------------------

struct Unit {
  std::string name;
  bool is_ours = true;  // else the distribution's, and whether it is installed is asked elsewhere
};

static std::vector<Unit> wanted_units(const ServerPaths& paths) {
  std::vector<Unit> units{{"shutterseal-ingestd.service"}};
  units.push_back(exists(kSharedHost) ? Unit{"ssh.service", false} : Unit{"shutterseal-sshd.service"});
  if (exists(paths.config_dir + "/ftp.pem")) units.push_back({"shutterseal-ftp.service"});
  if (exists(paths.intermediate)) units.push_back({"shutterseal-renew.timer"});
  units.push_back({"fail2ban.service", false});
  return units;
}

static std::map<std::string, std::string> properties_of(const std::string& output) {
  std::map<std::string, std::string> values;
  for (const auto line : split(output, '\n')) {
    const auto equals = line.find('=');
    if (equals != std::string_view::npos) values.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return values;
}

static void check_unit(const Unit& unit, Faults& faults) {
  const auto answer = ask_tool({"/usr/bin/systemctl", "show", "--no-pager", "-p", "LoadState,ActiveState,UnitFileState,Result", unit.name});
  if (answer.status != 0) return faults.push_back({unit.name, "systemd does not say whether it runs: " + first_line(answer.output), "systemctl status " + unit.name});
  auto is = properties_of(answer.output);
  if (is["LoadState"] == "not-found") {
    if (unit.is_ours) faults.push_back({unit.name, "is not installed", "make install; systemctl daemon-reload"});
    return;
  }
  if (is["LoadState"] == "masked") return faults.push_back({unit.name, "is masked", "systemctl unmask " + unit.name});
  if (is["ActiveState"] != "active")
    faults.push_back({unit.name, "does not run: " + is["ActiveState"] + (is["Result"].empty() || is["Result"] == "success" ? "" : " (" + is["Result"] + ")"),
                      "systemctl start " + unit.name + "; when it does not: journalctl -u " + unit.name});
  if (is["UnitFileState"] == "disabled") faults.push_back({unit.name, "is not started at boot", "systemctl enable " + unit.name});
}

// ---- without systemd ----------------------------------------------------------------------------------------------------------------------

// Asked of the kernel's table, not tried: who takes a lock for a moment may keep the daemon from it.
static bool is_lock_held(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return false;
  const auto wanted = fmt::format("{:02x}:{:02x}:{}", major(info.st_dev), minor(info.st_dev), info.st_ino);
  const auto table = read_file("/proc/locks", kLargestTable);
  for (const auto line : split(as_text(table), '\n'))
    if (line.find(" FLOCK ") != std::string_view::npos && line.find(" " + wanted + " ") != std::string_view::npos) return true;
  return false;
}

// "   0: 00000000:07E6 00000000:0000 0A …": local address, port and, of one that is listened at, 0A.
static std::set<std::string> listened_ports() {
  std::set<std::string> ports;
  for (const auto* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    if (!exists(file)) continue;
    const auto table = read_file(file, kLargestTable);
    for (const auto line : split(as_text(table), '\n')) {
      std::vector<std::string_view> words;
      for (const auto word : split(line, ' '))
        if (!word.empty()) words.push_back(word);
      if (words.size() > 3 && words[3] == "0A") ports.emplace(words[1].substr(words[1].rfind(':') + 1));
    }
  }
  return ports;
}

static void check_port(const std::set<std::string>& ports, const std::string& who, unsigned port, const std::string& mend, Faults& faults) {
  if (ports.contains(fmt::format("{:04X}", port))) return;
  faults.push_back({who, fmt::format("nobody listens at port {} (there is no systemd here: the kernel's table was looked at)", port), mend});
}

static std::vector<unsigned> ports_of_sshd(const std::string& file) {
  std::vector<unsigned> ports;
  const auto answer = ask_tool({"/usr/sbin/sshd", "-T", "-f", file, "-C", "user=cam-check,host=localhost,addr=127.0.0.1"});
  for (const auto line : split(answer.output, '\n'))
    if (answer.status == 0 && line.starts_with("port "))
      if (const auto port = parse_decimal(line.substr(5), 65535)) ports.push_back(static_cast<unsigned>(*port));
  return ports;
}

static void check_processes(const ServerPaths& paths, Faults& faults) {
  if (!is_lock_held(paths.run_dir + "/ingestd.lock"))
    faults.push_back({"shutterseal-ingestd", "does not run: nobody holds its lock (there is no systemd here)", "/usr/share/doc/shutterseal/examples/shutterseal-ingestd.init start"});
  const auto ports = listened_ports();
  const auto sshd = exists(kSharedHost) ? "/etc/ssh/sshd_config" : paths.config_dir + "/sshd_config";
  for (const auto port : ports_of_sshd(sshd)) check_port(ports, "sshd", port, "start sshd -f " + sshd, faults);
  if (exists(paths.config_dir + "/ftp.pem")) check_port(ports, "proftpd", 21, "start proftpd --config " + paths.config_dir + "/proftpd.conf", faults);
}

// ---- fail2ban -----------------------------------------------------------------------------------------------------------------------------

// Its own test finds what keeps it from starting; of a bare Debian 12 that is another jail than ours.
static std::string why_fail2ban_fails() {
  const auto answer = ask_tool({"/usr/bin/fail2ban-client", "-t"});
  if (answer.status == 0) return {};
  static constexpr std::string_view kError = "ERROR";
  for (const auto line : split(answer.output, '\n'))
    if (const auto at = line.find(kError); at != std::string_view::npos) return std::string(trim(line.substr(at + kError.size())));
  return first_line(answer.output);
}

static std::string mend_of_fail2ban(const std::string& why) {
  static constexpr std::string_view kNoLog = "Have not found any log file for ";
  const auto at = why.find(kNoLog);
  if (at == std::string::npos) return "fail2ban-client -t";
  const auto rest = why.substr(at + kNoLog.size());
  return "/etc/fail2ban/jail.local: [" + rest.substr(0, rest.find(' ')) + "] backend = systemd; then systemctl restart fail2ban";
}

static void check_jails(Faults& faults) {
  if (!exists("/usr/bin/fail2ban-client")) return;  // said already
  if (const auto why = why_fail2ban_fails(); !why.empty()) faults.push_back({"fail2ban", "cannot start: " + why, mend_of_fail2ban(why)});
  const auto status = ask_tool({"/usr/bin/fail2ban-client", "status"});
  if (status.status != 0) {
    if (!exists(kBooted)) faults.push_back({"fail2ban", "does not run: it does not answer", "service fail2ban start"});
    return;  // systemd said it
  }
  const auto enabled = ask_tool({"/usr/bin/fail2ban-client", "-d"}).output;
  for (const auto* jail : {"shutterseal-pam", "shutterseal-sshd", "shutterseal-parcels", "shutterseal-ftp", "shutterseal-invitations"}) {
    const bool is_on = enabled.find("['add', '" + std::string(jail) + "'") != std::string::npos;
    if (is_on && status.output.find(jail) == std::string::npos)
      faults.push_back({"fail2ban", "the jail " + std::string(jail) + " is enabled and does not run", "systemctl restart fail2ban"});
  }
}

void check_running(const ServerPaths& paths, Faults& faults) {
  if (exists(kBooted)) {
    for (const auto& unit : wanted_units(paths)) check_unit(unit, faults);
  } else {
    check_processes(paths, faults);
  }
  check_jails(faults);
}

}  // namespace shutterseal::custody
