// SPDX-License-Identifier: Apache-2.0
#include "src/custody/places.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

namespace shutterseal::custody {

Owners server_owners(bool private_tree) {
  if (private_tree) return {true, {::geteuid(), ::getegid()}, ::getegid(), Account{::geteuid(), ::getegid()}};
  return {false, needed_account(kDaemonAccount), group_id(kCameraGroup), find_account(kEnrolAccount)};
}

// The daemon owns state; root owns what decides who is trusted, and the daemon reads it as group.
std::vector<Place> server_places(const ServerPaths& paths, const Owners& owners) {
  const auto [uid, gid] = owners.daemon;
  std::vector<Place> places{{paths.config_dir, S_IFDIR, 0, 0, 0755},
          {paths.authority, S_IFREG, 0, 0, 0644},
          {paths.server_conf, S_IFREG, 0, 0, 0644},
          {paths.ingestd_conf, S_IFREG, 0, 0, 0644, false},
          {paths.custodians, S_IFDIR, 0, 0, 0755},
          {paths.tls_authorities, S_IFDIR, 0, 0, 0755, false},
          {paths.receipt_key, S_IFREG, 0, gid, 0640},
          {paths.intermediate, S_IFREG, 0, 0, 0644, false},
          {paths.intermediate_key, S_IFREG, 0, 0, 0600, false},
          {paths.cameras, S_IFDIR, 0, gid, 02751},  // the daemon lists it; sshd, as a camera, passes through
          {paths.drop, S_IFDIR, 0, 0, 0755},
          {paths.state_dir, S_IFDIR, uid, gid, 0750},
          {paths.evidence, S_IFDIR, uid, gid, 0750},
          {paths.void_dir, S_IFDIR, uid, gid, 0750},
          {paths.quarantine, S_IFDIR, uid, gid, 0750},
          {paths.index, S_IFREG, uid, gid, 0640, false},
          {paths.heard, S_IFDIR, uid, gid, 0750, false},
          {paths.run_dir, S_IFDIR, uid, gid, 0750, false}};
  if (!owners.enrol) return places;
  for (auto place : enrol_places(paths, *owners.enrol)) {
    place.needed = false;
    places.push_back(std::move(place));
  }
  return places;
}

std::vector<Place> enrol_places(const ServerPaths& paths, const Account& enrol) {
  return {{paths.config_dir + "/enrol", S_IFDIR, 0, 0, 0755},
          {paths.invitations, S_IFDIR, 0, 0, 0700},
          {paths.enrol_keys, S_IFREG, 0, 0, 0644},  // sshd reads it as that account
          {paths.enrol_drop, S_IFDIR, 0, 0, 0755},
          {paths.enrol_drop + "/incoming", S_IFDIR, enrol.uid, enrol.gid, 0300},
          {paths.enrol_drop + "/answers", S_IFDIR, 0, enrol.gid, 02710}};
}

// sshd wants every part of a chroot to be root's. The camera adds to incoming/ and cannot list it; the daemon (group) lists and unlinks,
// and moves what must wait to held/, where the camera can do nothing.
std::vector<Place> drop_places(const ServerPaths& paths, const Owners& owners, const CameraId& id, unsigned uid) {
  const auto drop = paths.drop + "/" + id.account();
  return {{drop, S_IFDIR, 0, 0, 0755},
          {drop + "/incoming", S_IFDIR, uid, owners.daemon.gid, 02370},
          {drop + "/" + kHeldFolder, S_IFDIR, owners.daemon.uid, owners.daemon.gid, 0700},
          {drop + "/receipts", S_IFDIR, owners.daemon.uid, owners.cameras_gid, 02750}};
}

std::vector<Place> registry_places(const ServerPaths& paths, const Owners& owners, const registry::Registry& registry, const CameraId& id) {
  const auto folder = paths.cameras + "/" + id.account();
  const auto gid = owners.daemon.gid;
  std::vector<Place> places{{folder, S_IFDIR, 0, gid, 02711},
                            {folder + "/camera.conf", S_IFREG, 0, gid, 0640},
                            {folder + "/authorized_keys", S_IFREG, 0, gid, 0644},  // sshd reads it as the camera
                            {folder + "/password", S_IFREG, 0, gid, 0600, false},
                            {folder + "/signing", S_IFDIR, 0, gid, 02750}};
  for (const auto& file : registry.signing_certificates(id)) places.push_back({file.path, S_IFREG, 0, gid, 0640});
  return places;
}

static std::string user_name(unsigned uid) {
  const auto* entry = ::getpwuid(uid);
  return entry ? entry->pw_name : std::to_string(uid);
}

static std::string group_name(unsigned gid) {
  const auto* entry = ::getgrgid(gid);
  return entry ? entry->gr_name : std::to_string(gid);
}

static bool has_type(const Place& place, const struct stat& info) { return (info.st_mode & S_IFMT) == place.type; }

std::string fault_of(const Place& place, bool private_tree) {
  struct stat info {};
  if (::lstat(place.path.c_str(), &info) != 0) {
    if (errno == ENOENT) return place.needed ? "is missing" : "";
    return errno_text(errno);
  }
  if (!has_type(place, info)) return place.type == S_IFDIR ? "is no directory" : "is no regular file";
  const auto mode = info.st_mode & 07777;
  if (private_tree) return (mode & 022 & ~place.mode) == 0 ? "" : fmt::format("is {:04o}: others can write to it", mode);
  if (mode == place.mode && info.st_uid == place.uid && info.st_gid == place.gid) return {};
  return fmt::format("is {:04o} {}:{} and must be {:04o} {}:{}", mode, user_name(info.st_uid), group_name(info.st_gid), place.mode, user_name(place.uid),
                     group_name(place.gid));
}

void put_right(const Place& place, bool private_tree) {
  const mode_t mode = private_tree ? (place.type == S_IFDIR ? mode_t{0700} : place.mode) : place.mode;
  if (!place.needed && !exists(place.path)) return;
  if (place.type == S_IFDIR && !exists(place.path)) make_dirs(place.path, mode & 0700);
  // By descriptor, and never through a link: incoming/ is the camera's own and its parent is root's.
  const Fd fd(::open(place.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) throw_errno("cannot open", place.path);
  // A second name of a file may be somebody's trap: chown and chmod would reach what that name stands for.
  if (!has_type(place, info) || (place.type == S_IFREG && info.st_nlink > 1))
    throw Error(ErrorKind::data, "'" + escape_untrusted(place.path, kLongestSubject) + "' is of another type than it must be, or has two names");
  if (private_tree) return;
  // chown clears the setgid bit, so the mode comes last.
  if (::fchown(fd.get(), place.uid, place.gid) != 0 || ::fchmod(fd.get(), place.mode) != 0) throw_errno("cannot set the owner of", place.path);
}

}  // namespace shutterseal::custody
