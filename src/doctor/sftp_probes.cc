// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/doctor/probes.h"
#include "src/doctor/sftp_wire.h"

namespace shutterseal::doctor {

static const char* const kListMend = "sshd_config: ForceCommand internal-sftp -u 0027 -p realpath,open,write,close,rename,read";
static const char* const kChrootMend = "sshd_config: ChrootDirectory /srv/shutterseal/drop/%u";
static const char* const kModeMend = "shutterseal camera repair (owners and modes of the drop directories)";
static constexpr std::string_view kReceipt = "receipts/receipt.p7m";

// A name of our own, never a parcel's: the daemon leaves names with a dot alone and collects .part by age.
static std::string own_name() {
  Bytes octets(8);
  if (::getrandom(octets.data(), octets.size(), 0) != static_cast<ssize_t>(octets.size())) throw_errno("cannot read", "random octets");
  return "incoming/.doctor-" + to_hex(octets) + ".part";
}

// What a camera must be able to do. The file that it leaves is what later probes try to harm.
static bool puts(SftpWire& wire, const std::string& name) {
  const auto handle = wire.ask(Request::open, Fields().text(name).number(kWrite | kCreate | kTruncate).permissions(0100644));
  if (!handle || !handle->granted()) return false;
  const bool written = wire.grants(Request::write, Fields().text(handle->value).wide(0).text("doctor"));
  const bool closed = wire.grants(Request::close, Fields().text(handle->value));
  return written && closed;
}

static bool renames(SftpWire& wire, const std::string& from, const std::string& to) { return wire.grants(Request::rename, Fields().text(from).text(to)); }

static bool lists(SftpWire& wire, const std::string& path) {
  const auto handle = wire.ask(Request::opendir, Fields().text(path));
  return handle && handle->granted() && wire.grants(Request::readdir, Fields().text(handle->value));
}

static void probe_needs(SftpWire& wire, const std::string& first, const std::string& second, Table& table) {
  table.needed("sftp-realpath", wire.grants(Request::realpath, Fields().text(".")), kListMend);
  table.needed("sftp-upload", puts(wire, first) && puts(wire, second), kModeMend);
  const auto moved = second + "-moved.part";
  table.needed("sftp-rename", renames(wire, second, moved), kListMend);
  table.refused("sftp-rename-over", renames(wire, moved, first), "an SFTP server whose plain rename replaces: use OpenSSH's");
}

static void probe_reading(SftpWire& wire, Table& table) {
  table.refused("sftp-list-incoming", lists(wire, "incoming"), kListMend);
  table.refused("sftp-list-root", lists(wire, "/"), kListMend);
  table.refused("sftp-stat", wire.grants(Request::stat, Fields().text("incoming")) || wire.grants(Request::lstat, Fields().text("receipts")), kListMend);
  bool escaped = false;
  for (const auto* path : {"/etc/passwd", "../../etc/passwd", "../../../../../../etc/passwd", "/../etc/shutterseal/receipt.key", "receipts/../../cameras"})
    escaped = escaped || wire.opens(path, kRead);
  table.refused("sftp-path-escape", escaped, kChrootMend);
}

static void probe_others(SftpWire& wire, const std::string& other, Table& table) {
  if (other.empty()) return table.not_tried("sftp-other-camera", "invisible", "no --other");
  bool seen = false;
  for (const auto& prefix : {"../" + other, "/" + other, "/srv/shutterseal/drop/" + other, "/../" + other})
    seen = seen || wire.opens(prefix, kRead) || wire.opens(prefix + "/receipts/receipt.p7m", kRead) || lists(wire, prefix + "/incoming") ||
           wire.opens(prefix + "/incoming/.doctor.part", kWrite | kCreate) || wire.grants(Request::stat, Fields().text(prefix));
  table.row("sftp-other-camera", "invisible", seen ? "seen" : "invisible", !seen, kChrootMend);
}

static void probe_harm(SftpWire& wire, const std::string& own, Table& table) {
  const std::string receipt(kReceipt);
  table.refused("sftp-overwrite-receipt", wire.opens(receipt, kWrite | kTruncate) || wire.opens(receipt, kWrite), kModeMend);
  table.refused("sftp-append-receipt", wire.opens(receipt, kWrite | kAppend), kModeMend);
  table.refused("sftp-create-receipt", wire.opens("receipts/doctor", kWrite | kCreate | kExclusive) || wire.opens("doctor", kWrite | kCreate | kExclusive), kModeMend);
  table.refused("sftp-mkdir", wire.grants(Request::mkdir, Fields().text("incoming/.doctor-dir").no_attributes()), kListMend);
  table.refused("sftp-rmdir", wire.grants(Request::rmdir, Fields().text("incoming/.doctor-dir")) || wire.grants(Request::rmdir, Fields().text("receipts")), kListMend);
  table.refused("sftp-chmod", wire.grants(Request::setstat, Fields().text(own).permissions(0777)) || wire.grants(Request::setstat, Fields().text("incoming").permissions(0777)), kListMend);
  table.refused("sftp-symlink", wire.grants(Request::symlink, Fields().text("/etc/passwd").text("incoming/.doctor-link.part")) ||
                                    wire.grants(Request::readlink, Fields().text("incoming")), kListMend);
  table.refused("sftp-hard-link", wire.grants(Request::extended, Fields().text("hardlink@openssh.com").text(own).text(own + "-hard.part")), kListMend);
  table.refused("sftp-posix-rename", wire.grants(Request::extended, Fields().text("posix-rename@openssh.com").text(own).text(own + "-posix.part")), kListMend);
  table.refused("sftp-statvfs", wire.grants(Request::extended, Fields().text("statvfs@openssh.com").text("/")), kListMend);
  table.refused("sftp-remove", wire.grants(Request::remove, Fields().text(kReceipt)) || wire.grants(Request::remove, Fields().text(own)), kListMend);
}

void probe_sftp(const Patient& patient, Table& table) {
  if (!has_login(patient)) return table.not_tried("sftp-files", "a camera adds and reads its receipt, no more", "no --camera and --key");
  auto ssh = log_in(patient);
  auto wire = ssh ? SftpWire::open(*ssh) : std::nullopt;
  table.needed("sftp-login", wire.has_value(), "the account, its key in the registry, PAM, and Subsystem sftp internal-sftp in sshd_config");
  if (!wire) return;
  const auto first = own_name(), second = own_name();
  probe_needs(*wire, first, second, table);
  probe_reading(*wire, table);
  probe_others(*wire, patient.other_user, table);
  probe_harm(*wire, first, table);
}

}  // namespace shutterseal::doctor
