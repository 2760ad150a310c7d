// SPDX-License-Identifier: Apache-2.0
#include "src/custody/invitations.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/key_value.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/custody/files.h"
#include "src/custody/places.h"
#include "src/custody/progress.h"

namespace shutterseal::custody {

static constexpr TimeMs kRemembered = 30 * kDay;  // so that a token that comes a second time is known for what it is
static constexpr std::size_t kLargestRecord = 4096;
static constexpr std::size_t kGroup = 256;  // each is an open file until the group is committed

void Invitations::make_places(const ServerPaths& paths, bool private_tree) {
  if (!exists(paths.authority)) throw Error(ErrorKind::config, "there is no server here: run 'shutterseal init' first");
  const auto account = private_tree ? server_owners(true).daemon : ensure_enrol_account();
  for (const auto& place : enrol_places(paths, account)) {
    if (place.type == S_IFREG && !exists(place.path)) replace_file(place.path, {}, place.mode);
    if (!fault_of(place, private_tree).empty()) put_right(place, private_tree);
  }
}

Invitations::Invitations(const ServerPaths& paths, bool private_tree) : paths_(paths), private_tree_(private_tree) {
  make_places(paths, private_tree);
  lock_ = FileLock::wait(paths.invitations + "/.lock");
  const Log log(kProgram, true, LogLevel::info);
  static_cast<void>(read_all([&log](const std::string& account, const Error& error) {
    const auto id = CameraId::from_account(account);
    log.error(LogLine("trouble").field("camera", id ? id->text() : "-").sentence("reason", error.what()));
  }));
}

// ---- one file -----------------------------------------------------------------------------------------------------------------------

static std::string format_record(const Invited& one) {
  auto text = format_key_value("format", "1") + format_key_value("token", one.token.hex()) + format_key_value("ssh-key", one.ssh_key) +
              format_key_value("until", rfc3339_ms(one.until)) + format_key_value("login-until", rfc3339_ms(one.login_until));
  if (one.used_by) text += format_key_value("used-by", one.used_by->hex());
  return text;
}

static Invited parse_record(const CameraId& id, std::string_view text, const std::string& file) {
  std::optional<Digest> token, used_by;
  std::optional<TimeMs> until, login_until;
  std::string ssh_key;
  for (const auto& entry : parse_key_values(text, file)) {
    if (entry.key == "token") token = Digest::parse(entry.value);
    else if (entry.key == "ssh-key") ssh_key = envelope::normal_ssh_public_key(entry.value).value_or("");
    else if (entry.key == "until") until = parse_time(entry.value);
    else if (entry.key == "login-until") login_until = parse_time(entry.value);
    else if (entry.key == "used-by") used_by = Digest::parse(entry.value);
    else if (entry.key != "format" || entry.value != "1") fail_at(file, entry.line, "unknown key '" + entry.key + "'");
  }
  if (!token || !until || !login_until || ssh_key.empty()) throw Error(ErrorKind::config, file + ":1: 'token', 'ssh-key', 'until' or 'login-until' is missing");
  return {id, *token, ssh_key, *until, *login_until, used_by};
}

std::optional<Invited> Invitations::find(const CameraId& id) const {
  const auto file = file_of(id);
  if (!exists(file)) return std::nullopt;
  return parse_record(id, as_text(read_guarded_file(file, kLargestRecord, Secrecy::trusted)), file);
}

std::vector<Invited> Invitations::read_all(const std::function<void(const std::string& account, const Error&)>& damaged) const {
  static constexpr std::string_view kSuffix = ".conf";
  std::vector<Invited> found;
  for (const auto& name : list_dir(open_dir(paths_.invitations).get())) {
    if (!name.ends_with(kSuffix) || name.starts_with('.')) continue;
    const auto account = name.substr(0, name.size() - kSuffix.size());
    try {
      const auto id = CameraId::from_account(account);
      if (!id) throw Error(ErrorKind::config, "'" + escape_untrusted(paths_.invitations + "/" + name, kLongestSubject) + "' is named after no camera");
      if (auto one = find(*id)) found.push_back(std::move(*one));
    } catch (const Error& error) {
      damaged(account, error);
    }
  }
  std::sort(found.begin(), found.end(), [](const Invited& a, const Invited& b) { return a.id < b.id; });
  return found;
}

std::vector<Invited> Invitations::all() const {
  return read_all([](const std::string&, const Error&) {});
}

// ---- changes ----------------------------------------------------------------------------------------------------------------------------

static void replace_all(const std::vector<std::pair<std::string, std::string>>& files) {
  for (std::size_t at = 0; at < files.size(); at += kGroup) {
    ReplaceGroup group;
    for (std::size_t i = at; i < std::min(files.size(), at + kGroup); ++i) group.add(files[i].first, as_bytes(files[i].second), 0600);
    for (const auto& trouble : group.commit())
      if (trouble) throw Error(*trouble);
  }
}

void Invitations::put(const std::vector<Invited>& some) const {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& one : some) files.emplace_back(file_of(one.id), format_record(one));
  replace_all(files);
  const auto folder = open_dir(paths_.invitations);
  for (const auto& one : all())
    if (std::max(one.until, one.login_until) + kRemembered < now_ms()) unlink_at(folder.get(), one.id.account() + ".conf");
  write_keys();
}

// Synced before the key goes: after a power cut the next writing of the keys must not bring it back.
bool Invitations::withdraw(const CameraId& id) const {
  const bool invited = exists(file_of(id));
  const auto folder = open_dir(paths_.invitations);
  unlink_at(folder.get(), id.account() + ".conf");
  sync_dir(folder.get(), paths_.invitations);
  write_keys();
  return invited;
}

// sshd itself turns away who comes late.
void Invitations::write_keys() const {
  const std::string command =
      private_tree_ ? ",command=\"internal-sftp -d " + paths_.enrol_drop + " -p realpath,open,write,close,rename,read -u 0577\"" : "";
  std::string text;
  for (const auto& one : all()) {
    if (one.login_until <= now_ms()) continue;
    const auto until = fmt::format("{:%Y%m%d%H%M%S}Z", fmt::gmtime(static_cast<std::time_t>(one.login_until / 1000)));
    text += "restrict,expiry-time=\"" + until + "\"" + command + " " + one.ssh_key + " " + one.id.account() + "\n";
  }
  replace_file(paths_.enrol_keys, as_bytes(text), 0644);
}

}  // namespace shutterseal::custody
