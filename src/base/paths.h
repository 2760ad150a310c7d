// SPDX-License-Identifier: Apache-2.0
// Where things are (see FILES in the man pages). --root DIR prefixes every default path and nothing else.
#pragma once

#include <string>

namespace shutterseal {

struct ServerPaths {
  std::string config_dir;    // /etc/shutterseal
  std::string ingestd_conf;  // config_dir/ingestd.conf
  std::string server_conf;   // config_dir/server.conf: URLs and host-key pins that go into bundles
  std::string authority;     // config_dir/authority.pem
  std::string custodians;    // config_dir/custodians/*.pem
  std::string tls_authorities;  // config_dir/tls-authorities/*.pem: who certifies the FTP server, for bundles; may be missing
  std::string intermediate, intermediate_key;  // config_dir/intermediate.{pem,key}: who renews certificates here; both may be missing
  std::string enrol_keys;    // config_dir/enrol/authorized_keys: of open invitations; with what follows missing until the first one
  std::string invitations;   // config_dir/enrol/invitations/cam-ID.conf
  std::string enrol_drop;    // drop/enrol/{incoming,answers}: the chroot of kEnrolAccount
  std::string receipt_key;   // config_dir/receipt.key: private key and its certificate, PEM, mode 0640 root:shutterseal
  std::string cameras;       // config_dir/cameras: the registry
  std::string drop;          // /srv/shutterseal/drop
  std::string state_dir;     // /var/lib/shutterseal
  std::string evidence, void_dir, quarantine;
  std::string index;         // state_dir/index.db
  std::string heard;         // state_dir/heard: when each camera was last heard
  std::string alarms;        // state_dir/alarms: up to when events were alerted
  std::string run_dir;       // /run/shutterseal
  std::string waiting;       // /run/shutterseal/waiting: cameras that wait because something of theirs does not work, and why
  std::string alert_socket;  // /run/shutterseal-alert/socket: the alert runner's, where systemd listens for it
  std::string logins;        // /run/shutterseal-login: root's, since PAM writes it; the daemon's run_dir is not
};
[[nodiscard]] ServerPaths server_paths(const std::string& root);

// In a camera's drop directory: where the daemon keeps drops that must wait (src/ingestd/holder.h).
inline constexpr const char* kHeldFolder = "held";

// In a camera's drop directory: what it asks for in incoming/, under a name that the daemon takes for an upload that is not finished, and what it is
// told in receipts/.
inline constexpr const char* kRenewalRequest = ".renewal.request";
inline constexpr const char* kRenewalAnswer = "renewal.p7m";

// Who logs in to enrol a camera by an invitation.
inline constexpr const char* kEnrolAccount = "shutterseal-enrol";

struct CameraPaths {
  std::string config;     // /etc/shutterseal/upload.conf
  std::string state_dir;  // /var/lib/shutterseal-upload
  std::string keys;       // state_dir/keys
  std::string spool;      // state_dir/spool
  std::string capture;    // /var/lib/motion
};
[[nodiscard]] CameraPaths camera_paths(const std::string& root);

}  // namespace shutterseal
