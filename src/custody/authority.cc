// SPDX-License-Identifier: Apache-2.0
#include "src/custody/authority.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/custody/files.h"

namespace shutterseal::custody {

static constexpr std::uint64_t kDefaultLifeDays = 365;

Authority::Authority(const config::Arguments& arguments, envelope::Certificate certificate_of_it) : certificate(std::move(certificate_of_it)) {
  if (!arguments.has("authority-key")) return;
  key = read_private_key(arguments, arguments.get("authority-key"), "authority");
  if (key->public_point() != certificate.point) throw Error(ErrorKind::permission, "the authority's key and certificate do not belong together");
}

envelope::Certificate Authority::certify(const config::Arguments& arguments, const envelope::Request& request) const {
  const auto days = parse_decimal(arguments.get("days", std::to_string(kDefaultLifeDays)), 36500);
  if (!days || *days == 0) throw Error(ErrorKind::usage, "--days is a number from 1 to 36500");
  if (!key) throw Error(ErrorKind::usage, "--authority-key is needed (see --help)");
  const auto now = now_ms();
  const auto end = std::min(now + static_cast<TimeMs>(*days) * kDay, certificate.not_after);
  return envelope::issue_certificate({envelope::Role::camera, request.camera.account(), request.signing_key, now - kDay, end}, *key, &certificate);
}

}  // namespace shutterseal::custody
