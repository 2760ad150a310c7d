// SPDX-License-Identifier: Apache-2.0
#include "src/base/paths.h"

namespace shutterseal {

ServerPaths server_paths(const std::string& root) {
  ServerPaths paths;
  paths.config_dir = root + SHUTTERSEAL_SYSCONFDIR "/shutterseal";
  paths.ingestd_conf = paths.config_dir + "/ingestd.conf";
  paths.server_conf = paths.config_dir + "/server.conf";
  paths.authority = paths.config_dir + "/authority.pem";
  paths.custodians = paths.config_dir + "/custodians";
  paths.tls_authorities = paths.config_dir + "/tls-authorities";
  paths.intermediate = paths.config_dir + "/intermediate.pem";
  paths.intermediate_key = paths.config_dir + "/intermediate.key";
  paths.enrol_keys = paths.config_dir + "/enrol/authorized_keys";
  paths.invitations = paths.config_dir + "/enrol/invitations";
  paths.receipt_key = paths.config_dir + "/receipt.key";
  paths.cameras = paths.config_dir + "/cameras";
  paths.drop = root + "/srv/shutterseal/drop";
  paths.enrol_drop = paths.drop + "/enrol";
  paths.state_dir = root + SHUTTERSEAL_LOCALSTATEDIR "/lib/shutterseal";
  paths.evidence = paths.state_dir + "/evidence";
  paths.void_dir = paths.state_dir + "/void";
  paths.quarantine = paths.state_dir + "/quarantine";
  paths.index = paths.state_dir + "/index.db";
  paths.heard = paths.state_dir + "/heard";
  paths.alarms = paths.state_dir + "/alarms";
  paths.run_dir = root + SHUTTERSEAL_RUNSTATEDIR "/shutterseal";
  paths.waiting = paths.run_dir + "/waiting";
  paths.alert_socket = paths.run_dir + "-alert/socket";
  paths.logins = paths.run_dir + "-login";
  return paths;
}

CameraPaths camera_paths(const std::string& root) {
  CameraPaths paths;
  paths.config = root + SHUTTERSEAL_SYSCONFDIR "/shutterseal/upload.conf";
  paths.state_dir = root + SHUTTERSEAL_LOCALSTATEDIR "/lib/shutterseal-upload";
  paths.keys = paths.state_dir + "/keys";
  paths.spool = paths.state_dir + "/spool";
  paths.capture = root + SHUTTERSEAL_LOCALSTATEDIR "/lib/motion";
  return paths;
}

}  // namespace shutterseal
