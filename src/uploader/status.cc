// SPDX-License-Identifier: Apache-2.0
// status: what an operator asks first. It opens no key and takes no lock.
#include <fmt/format.h>

#include <algorithm>

#include "src/base/file.h"
#include "src/base/output.h"
#include "src/base/text.h"
#include "src/report/json.h"
#include "src/uploader/capture.h"
#include "src/uploader/commands.h"
#include "src/uploader/identity.h"
#include "src/uploader/receipt.h"
#include "src/uploader/sender.h"
#include "src/uploader/spool.h"

namespace shutterseal::uploader {

static std::size_t count_files(const std::string& dir) {
  if (!exists(dir)) return 0;
  std::size_t count = 0;
  for (const auto& name : list_dir(open_dir(dir).get()))
    if (!name.starts_with('.') && name != "rejected") ++count;
  return count;
}

static void add_spool(report::Json& json, const Context& context) {
  std::uint64_t octets = 0;
  TimeMs oldest = 0;
  std::size_t count = 0;
  if (exists(context.paths.spool))
    for (const auto& one : list_envelopes(open_dir(context.paths.spool).get())) {
      ++count;
      octets += one.envelope.size;
      if (oldest == 0 || one.modified < oldest) oldest = one.modified;
    }
  json["backlog"] = count;
  json["backlog_bytes"] = octets;
  json["oldest_seconds"] = oldest == 0 ? 0 : std::max<TimeMs>(0, (now_ms() - oldest) / 1000);
  json["refused_by_server"] = count_files(context.paths.spool + "/refused");
  json["damaged"] = count_files(context.paths.spool + "/damaged");
}

// As the user who asks sees it; what the uploader could not read it noted itself.
static void add_capture(report::Json& json, const Context& context, const std::vector<Trouble>& troubles) {
  const auto found = survey(context.settings);
  const auto noted = std::count_if(troubles.begin(), troubles.end(), [](const Trouble& one) { return one.reason == "unreadable"; });
  json["unsealed"] = found.pictures + found.claimed;
  json["claimed"] = found.claimed;
  json["unreadable"] = std::max(found.unreadable, static_cast<std::size_t>(noted));
  json["ignored"] = found.ignored;
  json["other_files"] = found.others;
  json["rejected"] = found.rejected;
  json["rejected_bytes"] = found.rejected_octets;
  json["troubles"] = report::Json::array();
  for (const auto& one : troubles)
    json["troubles"].push_back({{"reason", one.reason}, {"subject", one.subject}, {"since", rfc3339(one.since)}});
}

static void add_link(report::Json& json, const Context& context) {
  const auto receipts = load_receipt_state(context.state + "/receipt");
  json["receipts_known"] = !receipts.is_lost;
  json["last_receipt"] = receipts.number == 0 ? report::Json() : report::Json(rfc3339_ms(receipts.time));
  const auto link = load_link_state(context.state + "/link");
  json["last_error"] = link.error.empty() ? report::Json() : report::Json(link.error);
  json["last_error_at"] = link.error.empty() ? report::Json() : report::Json(rfc3339(link.error_at));
  json["contact"] = link.contact_at == 0 ? report::Json() : report::Json(rfc3339(link.contact_at));
}

int status_command(const config::Arguments& arguments) {
  const auto context = load_context(arguments);
  const auto identity = load_identity(context);
  const auto& certificate = identity.bundle.certificate.front();
  report::Json json{{"camera", identity.camera().text()}, {"bundle_serial", identity.bundle.serial},
                    {"certificate_expires", rfc3339(certificate.not_after)},
                    {"certificate_days_left", (certificate.not_after - now_ms()) / (24LL * 3600 * 1000)}};
  json["signing_key"] = context.signing_key.text;
  json["ssh_key"] = context.ssh_key.text;
  add_spool(json, context);
  const auto troubles = Troubles(context.state + "/troubles").all();
  add_capture(json, context, troubles);
  add_link(json, context);
  if (arguments.has("json")) {
    say("{}\n", report::to_text(json));
    return 0;
  }
  json["troubles"] = troubles.size();
  for (const auto& [key, value] : json.items())
    say("{:<22} {}\n", key, value.is_null() ? "-" : value.is_string() ? make_printable(value.get<std::string>()) : report::to_text(value));
  for (const auto& one : troubles) say("trouble: {}: '{}' since {}\n", one.reason, one.subject, rfc3339(one.since));
  if (now_ms() < certificate.not_before) say("warning: this camera's clock is before its certificate begins: {}\n", rfc3339(certificate.not_before));
  for (const auto& warning : key_warnings(context)) say("warning: {}\n", warning);
  if (identity.bundle.custodians.size() == 1) say("warning: one custodian alone can open these pictures\n");
  return 0;
}

}  // namespace shutterseal::uploader
