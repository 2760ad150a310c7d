// SPDX-License-Identifier: Apache-2.0
// Who is enrolled, in which state. One folder a camera: cameras/cam-ID/{camera.conf,authorized_keys,password,signing/FINGERPRINT.pem}.
// camera.conf is the only state and is replaced atomically; signing/ is only added to. sshd, PAM, the daemon and the commands
// read it through this code; any configuration tool can roll it out. Certificates are opaque bytes here (no OpenSSL: the PAM module links this).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/file.h"
#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/registry/network.h"

namespace shutterseal::registry {

enum class State {
  active,
  suspended,  // for a while: no login, drops wait
  revoked,    // for ever, as not to be trusted: drops go to void/
  removed,    // for ever, in good order: no login, no drop directory; id, uid and certificates stay taken
};
[[nodiscard]] std::string_view state_name(State state) noexcept;
[[nodiscard]] inline bool is_final(State state) noexcept { return state == State::revoked || state == State::removed; }
// What lies in the drop directory stays there, unjudged.
[[nodiscard]] inline bool leaves_drops_waiting(State state) noexcept { return state == State::suspended || state == State::removed; }

// An outage of the server, or of who renews, must not lock a fleet out: so long after its end a certificate still lets its camera in.
inline constexpr TimeMs kDefaultGrace = TimeMs{90} * 24 * 3600 * 1000, kLongestGrace = TimeMs{3650} * 24 * 3600 * 1000;

// camera.conf, format 1.
struct Camera {
  CameraId id;
  State state = State::active;
  unsigned uid = 0;            // of the account cam-ID: a drop by anybody else is not this camera's
  TimeMs enrolled = 0;
  std::uint64_t bundle_serial = 0;  // of the newest bundle made for it
  std::string reason;          // of a suspension or revocation, may be empty
  std::optional<TimeMs> revoked_at, stolen_at;
  std::optional<TimeMs> expires;        // the end of its newest certificate: no login `grace` after it
  std::vector<Network> networks;        // it may log in from these; none: from anywhere
  std::vector<std::string> services;    // and through these PAM services; none: through any that asks
  TimeMs grace = kDefaultGrace;
};
// Lists as in camera.conf and on command lines: words between spaces, perhaps none. `refuse` is told the first that is none, and throws.
using Refuse = std::function<void(std::string_view word)>;
[[nodiscard]] std::vector<Network> parse_networks(std::string_view list, const Refuse& refuse);
[[nodiscard]] std::vector<std::string> parse_services(std::string_view list, const Refuse& refuse);
[[nodiscard]] std::string networks_text(const Camera& camera);  // as in camera.conf: "198.51.100.0/24 2001:db8::/32"
[[nodiscard]] std::string services_text(const Camera& camera);

class Registry {
 public:
  explicit Registry(std::string cameras_dir) : dir_(std::move(cameras_dir)) {}

  // A camera that is not enrolled: nothing. A folder that is unreadable or malformed: Error config naming file and line (fail closed).
  [[nodiscard]] std::optional<Camera> find(const CameraId& id) const;
  [[nodiscard]] std::vector<CameraId> list() const;  // sorted; folders whose name is no cam-ID are skipped
  // The authority's certificate, as init and a copy of the whole configuration leave it: beside the registry.
  [[nodiscard]] std::string authority_file() const { return dir_ + "/../authority.pem"; }
  [[nodiscard]] std::string signing_folder(const CameraId& id) const { return dir_ + "/" + id.account() + "/signing"; }
  // Its PEM files, each at most 16 KiB, in name order.
  [[nodiscard]] std::vector<GuardedFile> signing_certificates(const CameraId& id) const;
  [[nodiscard]] std::string authorized_key(const CameraId& id) const;  // the file's text; empty when missing
  [[nodiscard]] std::string password_hash(const CameraId& id) const;   // crypt(3)'s; empty when the camera has no password

  // Changes; the caller is the administrator. enrol makes the whole folder under a temporary name and renames it in place, so that no
  // reader sees half a camera. Error cannot_create when the id is taken.
  void enrol(const Camera& camera, std::string_view ssh_public_key, const std::string& fingerprint_hex, std::string_view certificate_pem) const;
  void add_certificate(const CameraId& id, const std::string& fingerprint_hex, std::string_view pem) const;
  // Reads camera.conf, lets `change` alter it and replaces it, under the registry's lock: two commands at once, one of them perhaps at a
  // prompt, must not undo each other's words. Nothing is written when `change` throws. Not enrolled: Error unknown. Gives the new state.
  Camera update(const CameraId& id, const std::function<void(Camera&)>& change) const;
  void set_password(const CameraId& id, const std::string& hash) const;
  void forget_logins(const CameraId& id) const;  // no SSH key, no password

  // Changes whenever camera.conf or signing/ of this camera did: lets a reader keep what it decoded. Nothing when not enrolled.
  struct Stamp {
    std::int64_t conf_time = 0, signing_time = 0;
    std::uint64_t conf_inode = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  [[nodiscard]] std::optional<Stamp> stamp(const CameraId& id) const;

 private:
  std::string dir_;
};

// server.conf, format 1: what goes into bundles.
struct ServerProfile {
  std::vector<std::string> urls;           // url = …, 1..8
  std::vector<std::string> host_key_pins;  // host-key-pin = SHA256:…, 1..4
};
[[nodiscard]] ServerProfile read_server_profile(const std::string& path);
void write_server_profile(const std::string& path, const ServerProfile& profile);

}  // namespace shutterseal::registry
