// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/identity.h"

#include <algorithm>

#include "src/base/commit.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/uploader/receipt.h"
#include "src/uploader/renewal.h"

namespace shutterseal::uploader {

static constexpr std::size_t kLargestRequestFile = 16 * 1024;

envelope::Request load_request(const Context& context) {
  if (!exists(context.request))
    throw Error(ErrorKind::config, "no keys in '" + context.paths.keys + "': run 'shutterseal-upload enrol' first");
  auto reading = envelope::read_request_pem(read_guarded_file(context.request, kLargestRequestFile, Secrecy::trusted));
  if (!reading.request) throw Error(ErrorKind::config, "'" + context.request + "' is no request: " + reading.reason);
  const auto& camera = context.settings.camera;
  if (!camera.empty() && camera != reading.request->camera.text())
    throw Error(ErrorKind::config, "the configuration is for camera " + camera + ", the keys for " + reading.request->camera.text());
  return std::move(*reading.request);
}

std::optional<Digest> accepted_authority(const Context& context) {
  if (!exists(context.authority)) return std::nullopt;
  const auto content = read_guarded_file(context.authority, 128, Secrecy::trusted);
  const auto text = as_text(content);
  const auto digest = Digest::parse(text.substr(0, std::min(text.find('\n'), text.size())));
  if (!digest) throw Error(ErrorKind::config, "'" + context.authority + "' holds no fingerprint");
  return digest;
}

static void check_bundle(const envelope::Bundle& bundle, const envelope::Request& request) {
  if (bundle.camera != request.camera)
    throw Error(ErrorKind::protocol, "the bundle is for camera " + bundle.camera.text() + ", this is " + request.camera.text());
  if (bundle.certificate.size() != 1 || bundle.certificate.front().point != request.signing_key)
    throw Error(ErrorKind::protocol, "the bundle's certificate is not for this camera's signing key");
}

Identity load_identity(const Context& context) {
  auto request = load_request(context);
  const auto authority = accepted_authority(context);
  if (!authority || !exists(context.bundle))
    throw Error(ErrorKind::config, "no bundle in '" + context.paths.keys + "': run 'shutterseal-upload accept BUNDLE' first");
  auto reading = envelope::read_bundle(read_guarded_file(context.bundle, envelope::kLargestBundle, Secrecy::trusted), *authority);
  if (!reading.value) throw Error(ErrorKind::config, "cannot use '" + context.bundle + "': " + reading.reason);
  check_bundle(reading.value->bundle, request);
  if (auto renewed = renewed_certificate(context, *reading.value)) reading.value->bundle.certificate.front() = std::move(*renewed);
  return Identity{std::move(request), std::move(reading.value->bundle)};
}

std::unique_ptr<envelope::Sealer> make_sealer(const Context& context, const Identity& identity, const Secret& passphrase) {
  auto key = keystore::open_key(context.signing_key, context.settings.hardware, passphrase);
  return std::make_unique<envelope::Sealer>(std::move(key), identity.bundle.certificate.front(), identity.bundle.custodians);
}

envelope::PrivateKey open_ssh_key(const Context& context, const Secret& passphrase) {
  return keystore::open_key(context.ssh_key, context.settings.hardware, passphrase);
}

static std::vector<std::string> login_names(const Identity& identity) {
  std::vector<std::string> names{identity.camera().account()};
  for (const auto& url : identity.bundle.urls)
    if (const auto target = transport::parse_target(url); target && !target->user.empty()) names.push_back(target->user);
  return names;
}

Login::Login(envelope::PrivateKey key, const Identity& identity)
    : key_(std::move(key)), agent_({key_.ssh_public_blob(), [this](ByteView data) { return key_.ssh_signature(data); }, login_names(identity)}) {}

transport::Settings transport_settings(const Context& context, const Identity& identity, Login& login) {
  transport::Settings settings;
  settings.urls = identity.bundle.urls;
  settings.host_key_pins = identity.bundle.host_key_pins;
  settings.user = identity.camera().account();
  settings.agent = &login.agent();
  for (const auto& authority : identity.bundle.tls_authorities) settings.tls_authorities_pem += authority.to_pem();
  settings.password_file = context.settings.ftp_password_file;
  settings.client_certificate_file = context.settings.ftp_certificate;
  settings.client_key_file = context.settings.ftp_key;
  settings.connect_timeout_ms = context.settings.connect_timeout_ms;
  settings.stall_timeout_ms = context.settings.stall_timeout_ms;
  settings.total_timeout_ms = context.settings.total_timeout_ms;
  settings.bandwidth = context.settings.bandwidth;
  settings.idle_close_ms = context.settings.idle_close_ms;
  return settings;
}

static std::uint64_t installed_serial(const Context& context, const Digest& authority) {
  if (!exists(context.bundle)) return 0;
  const auto reading = envelope::read_bundle(read_file(context.bundle, envelope::kLargestBundle), authority);
  return reading.value ? reading.value->bundle.serial : 0;
}

// A server that lost its index and every receipt numbers from lower ones, which this camera would ignore for ever.
static void take_receipt_floor(const std::string& file, std::uint64_t floor) {
  auto state = load_receipt_state(file);
  if (state.number <= floor) return;
  state.number = floor;
  save_receipt_state(file, state);
}

std::uint64_t install_bundle(const Context& context, ByteView bytes, const Digest& authority) {
  const auto request = load_request(context);
  const auto known = accepted_authority(context);
  if (known && *known != authority)
    throw Error(ErrorKind::protocol, "the bundle is by another authority than the one accepted here (" + known->hex() + ")");
  const auto reading = envelope::read_bundle(bytes, authority);
  if (!reading.value) throw Error(ErrorKind::protocol, "the bundle is refused: " + reading.reason);
  const auto& bundle = reading.value->bundle;
  check_bundle(bundle, request);
  const auto serial = installed_serial(context, authority);
  if (bundle.serial <= serial)
    throw Error(ErrorKind::protocol, "the bundle's serial " + std::to_string(bundle.serial) + " is not higher than the installed one's, " +
                                         std::to_string(serial));
  // The fingerprint first: a crash in between leaves a camera that still trusts only the authority that was compared.
  if (!known) replace_file(context.authority, as_bytes(authority.hex() + "\n"), 0600);
  // The statement before the bundle that holds it: cut in between, it is taken again; the other way round, never.
  if (bundle.receipt_floor) take_receipt_floor(context.state + "/receipt", *bundle.receipt_floor);
  replace_file(context.bundle, bytes, 0600);
  return bundle.serial;
}

}  // namespace shutterseal::uploader
