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

TimeMs end_of_life(const config::Arguments& arguments, const envelope::Certificate& issuer) {
  const auto days = parse_decimal(arguments.get("days", std::to_string(kDefaultLifeDays)), kLongestLifeDays);
  if (!days || *days == 0) throw Error(ErrorKind::usage, "--days is a number from 1 to 36500");
  return std::min(now_ms() + static_cast<TimeMs>(*days) * kDay, issuer.not_after);
}

void check_time(const envelope::Certificate& issuer, const std::string& who) {
  const auto now = now_ms();
  if (now < issuer.not_before)
    throw Error(ErrorKind::config, "this host's clock says " + rfc3339(now) + ": before " + who + "'s certificate begins, " + rfc3339(issuer.not_before));
  if (now >= issuer.not_after) throw Error(ErrorKind::config, who + "'s certificate ended " + rfc3339(issuer.not_after));
}

envelope::Certificate Authority::certify(const config::Arguments& arguments, const envelope::Request& request) const {
  const auto end = end_of_life(arguments, certificate);
  if (!key) throw Error(ErrorKind::usage, "--authority-key is needed (see --help)");
  check_time(certificate, "the authority");
  return envelope::issue_certificate({envelope::Role::camera, request.camera.account(), request.signing_key, now_ms() - kDay, end}, *key, &certificate);
}

}  // namespace shutterseal::custody
