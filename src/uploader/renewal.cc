// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/renewal.h"

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/paths.h"
#include "src/uploader/state.h"

namespace shutterseal::uploader {

using transport::Outcome;

static constexpr TimeMs kAskInterval = 3'600'000;

// ---- what came back -----------------------------------------------------------------------------------------------------------------

std::optional<envelope::Certificate> renewed_certificate(const Context& context, const envelope::VerifiedBundle& bundle) {
  if (!exists(context.renewed)) return std::nullopt;
  const auto& certified = bundle.bundle.certificate.front();
  try {
    auto chain = envelope::Certificate::chain_from_pem(read_guarded_file(context.renewed, envelope::kLargestRenewal, Secrecy::trusted), context.renewed);
    if (chain[0].not_before > certified.not_before && envelope::is_good_renewal(chain, certified, bundle.authority)) return std::move(chain[0]);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system) throw;  // no descriptor, no memory: none of the file's
  }
  return std::nullopt;
}

bool install_renewal(const Context& context, const Identity& identity, ByteView bytes) {
  const auto refuse = [](const std::string& why) { throw Error(ErrorKind::protocol, "the renewal is refused: " + why); };
  const auto reading = envelope::read_renewal(bytes, identity.camera(), identity.bundle.receipt_pins);
  if (!reading.value) refuse(reading.reason);
  const auto& chain = reading.value->chain;
  if (chain[0].not_before <= identity.bundle.certificate.front().not_before) return false;
  const auto bundle = envelope::read_bundle(read_guarded_file(context.bundle, envelope::kLargestBundle, Secrecy::trusted), accepted_authority(context).value());
  if (!bundle.value) refuse("there is no bundle to compare it with");
  if (!envelope::is_good_renewal(chain, bundle.value->bundle.certificate.front(), bundle.value->authority))
    refuse("it is not for this camera's key, or does not lead to its authority");
  std::string pem;
  for (const auto& one : chain) pem += one.to_pem();
  replace_file(context.renewed, as_bytes(pem), 0600);
  return true;
}

// ---- asking ---------------------------------------------------------------------------------------------------------------------------

static TimeMs load_asked_at(const std::string& file) {
  const auto entries = read_state(file);
  return entries ? time_of(*entries, "asked-at") : 0;
}

Renewal::Renewal(const Context& context, const Identity& identity, MakeRequest make_request)
    : identity_(identity), make_request_(std::move(make_request)), state_file_(context.state + "/renewal"), asked_at_(load_asked_at(state_file_)) {}

bool Renewal::is_due(TimeMs server_time) const {
  const auto& certificate = identity_.bundle.certificate.front();
  const auto now = now_ms();
  const bool asked = asked_at_ <= now && now - asked_at_ < kAskInterval;  // a clock that was set back is no reason to wait
  return !asked && std::max(now, server_time) >= certificate.not_before + (certificate.not_after - certificate.not_before) / 3 * 2;
}

// Noted before the line is tried: a camera that cron starts each minute must not try a dead line, or wake a modem, for this alone each minute.
transport::Result Renewal::ask(transport::Connection& connection, Bytes& answer) {
  asked_at_ = now_ms();
  replace_file(state_file_, as_bytes(format_key_value("format", "1") + format_key_value("asked-at", std::to_string(asked_at_))), 0600);
  const auto request = make_request_();
  answer.clear();
  auto result = connection.upload(kRenewalRequest, request.size(), transport::source_of(request));  // done, too, while an earlier one waits there
  if (result.outcome == Outcome::done) result = connection.fetch(std::string("receipts/") + kRenewalAnswer, envelope::kLargestRenewal, answer);
  if (result.outcome != Outcome::done) answer.clear();
  return result;
}

}  // namespace shutterseal::uploader
