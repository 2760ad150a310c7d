// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "src/base/text.h"
#include "src/doctor/kexinit.h"
#include "src/doctor/probes.h"

namespace shutterseal::doctor {

static const char* const kNobody = "cam-no-such-camera-0";  // an id that is possible and, so we trust, nobody's

static std::optional<Ssh> connect(const Patient& patient) { return Ssh::open(patient.target.host, patient.target.port, "", patient.timeout_ms); }

static std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
  return text.empty() ? "none" : text;
}

// ---- the offer ----------------------------------------------------------------------------------------------------------------------

// Which protocol it is must be said; which distribution, host or patch level is a gift. OpenSSH itself always tells its version.
static bool tells_too_much(const std::string& version) {
  const auto software = version.find("SSH-2.0-") == 0 ? version.substr(8) : version;
  return software.find(' ') != std::string::npos || software.find("Debian") != std::string::npos || software.find("Ubuntu") != std::string::npos;
}

void probe_ssh_offer(const Patient& patient, Table& table) {
  auto tcp = Tcp::connect(patient.target.host, patient.target.port, "", patient.timeout_ms);
  const auto offer = tcp ? read_offer(*tcp) : std::nullopt;
  if (!offer) return table.row("ssh-protocol", "SSH 2.0", "no SSH server, or a broken one", false, "");
  table.row("ssh-protocol", "SSH 2.0", offer->version.substr(0, 8), offer->version.starts_with("SSH-2.0-"), "");
  table.row("ssh-banner", "no distribution, no host", offer->version, !tells_too_much(offer->version), "sshd_config: DebianBanner no, VersionAddendum none");
  const auto none_of = [&table](const char* probe, const std::vector<std::string>& weak, const char* mend) {
    table.row(probe, "none", joined(weak), weak.empty(), mend);
  };
  none_of("ssh-weak-kex", weak_kex(offer->kex), "sshd_config: KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org");
  none_of("ssh-weak-host-key", weak_host_keys(offer->host_keys), "sshd_config: HostKeyAlgorithms ssh-ed25519");
  none_of("ssh-weak-cipher", weak_ciphers(offer->ciphers), "sshd_config: Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr");
  none_of("ssh-weak-mac", weak_macs(offer->macs), "sshd_config: MACs hmac-sha2-512,hmac-sha2-256");
  // libssh2 takes ECDSA where both are offered, and the pin of the other would not match.
  const auto families = static_cast<int>(std::count(offer->host_keys.begin(), offer->host_keys.end(), "ssh-ed25519")) +
                        static_cast<int>(std::any_of(offer->host_keys.begin(), offer->host_keys.end(), [](const auto& name) { return name.starts_with("ecdsa-"); })) +
                        static_cast<int>(std::any_of(offer->host_keys.begin(), offer->host_keys.end(), [](const auto& name) { return name.starts_with("rsa-") || name == "ssh-rsa"; }));
  table.row("ssh-one-host-key", "one type", joined(offer->host_keys), families == 1, "sshd_config: one HostKey line, and HostKeyAlgorithms of its type");
}

// ---- login --------------------------------------------------------------------------------------------------------------------------

static void probe_pin(const Patient& patient, const Ssh& ssh, Table& table) {
  const auto pin = ssh.host_key_pin();
  if (patient.pins.empty()) return table.not_tried("ssh-host-key-pin", "the pin", "no --pin; the server's is " + pin);
  table.row("ssh-host-key-pin", joined(patient.pins), pin, std::find(patient.pins.begin(), patient.pins.end(), pin) != patient.pins.end(),
            "this is another server, or server.conf and the bundles need its pin: shutterseal camera bundle");
}

// A fresh connection each: a server may hang up after a failure. Nothing: no connection.
static std::optional<bool> enters_with_password(const Patient& patient, const std::string& user, const std::string& password) {
  auto ssh = connect(patient);
  return ssh ? std::optional(ssh->login_with_password(user, password)) : std::nullopt;
}

static std::optional<bool> either(std::optional<bool> one, std::optional<bool> other) {
  if (!one || !other) return std::nullopt;
  return *one || *other;
}

static std::string methods_of(const Patient& patient, const std::string& user) {
  auto ssh = connect(patient);
  if (!ssh) return "no connection";
  const auto methods = ssh->methods(user);
  return methods.empty() ? "none at all" : methods;
}

static void probe_methods(const Patient& patient, Table& table) {
  const std::string user = patient.user.empty() ? kNobody : patient.user;
  const auto methods = methods_of(patient, user);
  table.refused("ssh-login-none", methods == "no connection" ? std::nullopt : std::optional(methods == "none"), "sshd_config: PermitEmptyPasswords no, AuthenticationMethods publickey");
  table.row("ssh-login-methods", "publickey", methods, methods == "publickey",
            "sshd_config: AuthenticationMethods publickey, PasswordAuthentication no, KbdInteractiveAuthentication no");
  const auto others = methods_of(patient, kNobody);
  table.row("ssh-unknown-user-looks-alike", methods, others, others == methods && methods != "no connection",
            "sshd_config: the same AuthenticationMethods for all, outside of any Match");
  table.refused("ssh-login-password", either(enters_with_password(patient, user, "password"), enters_with_password(patient, user, "")),
                "sshd_config: PasswordAuthentication no");
  table.refused("ssh-login-anonymous", either(enters_with_password(patient, "anonymous", ""), enters_with_password(patient, "ftp", "ftp@example.org")),
                "sshd_config: AllowGroups shutterseal-cameras");
}

void probe_ssh_login(const Patient& patient, Table& table) {
  auto ssh = connect(patient);
  // No common algorithm is what a fleet of libssh2 clients would find, too.
  table.needed("ssh-libssh2-can-connect", ssh.has_value(), "sshd_config: Ciphers with aes256-ctr, MACs with hmac-sha2-256, KexAlgorithms with curve25519-sha256");
  if (!ssh) return;
  probe_pin(patient, *ssh, table);
  probe_methods(patient, table);
}

// ---- channels -----------------------------------------------------------------------------------------------------------------------

bool has_login(const Patient& patient) { return !patient.user.empty() && !patient.private_key.empty(); }

std::optional<Ssh> log_in(const Patient& patient) {
  auto ssh = connect(patient);
  if (!ssh || !ssh->login_with_key(patient.user, patient.private_key)) return std::nullopt;
  return ssh;
}

static const char* const kLoginMend = "the account, its key in the registry, and PAM: shutterseal camera show ID, journalctl -t shutterseal-sshd";

void probe_ssh_channels(const Patient& patient, Table& table) {
  static const std::vector<std::string> probes{"ssh-shell", "ssh-exec", "ssh-terminal", "ssh-agent-forwarding", "ssh-x11-forwarding", "ssh-local-forwarding",
                                               "ssh-remote-forwarding"};
  if (!has_login(patient)) {
    for (const auto& probe : probes) table.not_tried(probe, "refused", "no --camera and --key");
    return;
  }
  // A fresh login for each: what one refusal leaves behind must not answer for the next.
  const auto ask = [&](const char* probe, bool (*question)(Ssh&), const char* mend) {
    auto ssh = log_in(patient);
    if (!ssh) return table.row(probe, "refused", "no login", false, kLoginMend);
    table.refused(probe, question(*ssh), mend);
  };
  ask("ssh-shell", [](Ssh& ssh) { return ssh.gives_shell(); }, "sshd_config: ForceCommand internal-sftp ...; the account's shell /usr/sbin/nologin");
  ask("ssh-exec", [](Ssh& ssh) { return ssh.runs("echo doctor$((20+22))", "doctor42"); }, "sshd_config: ForceCommand internal-sftp ...");
  ask("ssh-terminal", [](Ssh& ssh) { return ssh.gives_terminal(); }, "sshd_config: PermitTTY no");
  ask("ssh-agent-forwarding", [](Ssh& ssh) { return ssh.takes_agent(); }, "sshd_config: DisableForwarding yes");
  ask("ssh-x11-forwarding", [](Ssh& ssh) { return ssh.forwards_x11(); }, "sshd_config: DisableForwarding yes");
  ask("ssh-local-forwarding", [](Ssh& ssh) { return ssh.forwards_to("127.0.0.1", 1); }, "sshd_config: DisableForwarding yes");
  ask("ssh-remote-forwarding", [](Ssh& ssh) { return ssh.listens_for_us(); }, "sshd_config: DisableForwarding yes");
}

}  // namespace shutterseal::doctor
