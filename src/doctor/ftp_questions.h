// SPDX-License-Identifier: Apache-2.0
// What every question to the FTP server has in common.
#pragma once

#include "src/doctor/doctor.h"
#include "src/transport/ftp_probe.h"

namespace shutterseal::doctor {

// A question with this patient's server, credentials and TLS authority filled in.
[[nodiscard]] transport::FtpQuestion ftp_question(const Patient& patient);

}  // namespace shutterseal::doctor
