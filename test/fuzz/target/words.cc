// SPDX-License-Identifier: Apache-2.0
// Words of files, command lines and peers: each reader refuses, or gives a value whose written form it reads as the same.
#include "src/base/ids.h"
#include "src/base/text.h"
#include "src/base/time.h"
#include "src/envelope/keys.h"
#include "src/registry/network.h"
#include "src/transport/transport.h"
#include "test/fuzz/lib/fuzz.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

static void check_numbers(std::string_view text) {
  if (const auto number = parse_decimal(text, UINT64_MAX)) HOLDS(std::to_string(*number) == text);
  if (const auto size = parse_size(text)) HOLDS(parse_size(std::to_string(*size)) == size);
  if (const auto span = parse_duration_ms(text)) HOLDS(*span >= 0 && parse_duration_ms(std::to_string(*span) + "ms") == span);
}

static void check_time(std::string_view text) {
  const auto time = parse_time(text);
  if (time) HOLDS(parse_time(rfc3339_ms(*time)) == time && parse_time(rfc3339(*time)) == *time - *time % 1000);
}

static void check_names(std::string_view text) {
  if (const auto id = CameraId::parse(text)) HOLDS(id->text() == text && CameraId::from_account(id->account()) == id);
  if (const auto digest = Digest::parse(text)) HOLDS(digest->hex() == text);
}

static void check_network(std::string_view text) {
  using registry::Address, registry::Network;
  if (const auto address = Address::parse(text)) {
    HOLDS(Address::parse(address->text()) == address);
    HOLDS(Network::parse(text).value().contains(*address));
  }
  const auto network = Network::parse(text);
  if (!network) return;
  const auto again = Network::parse(network->text());
  HOLDS(again && again->text() == network->text());
  const auto base = Address::parse(network->text().substr(0, network->text().find('/')));
  HOLDS(base && network->contains(*base) && again->contains(*base));
}

static void check_keys(std::string_view text) {
  if (const auto octets = envelope::decode_base64(text)) HOLDS(envelope::encode_base64(*octets) == text);
  if (const auto key = envelope::normal_ssh_public_key(text)) {
    HOLDS(is_printable_line(*key) && envelope::normal_ssh_public_key(*key) == key);
    HOLDS(envelope::ssh_fingerprint(*key) == envelope::ssh_fingerprint(text));
  }
}

static void check_target(std::string_view text) {
  const auto target = transport::parse_target(text);
  if (!target) return;
  HOLDS(target->port >= 1 && target->port <= 65535 && target->path.starts_with('/') && target->path.ends_with('/'));
  const auto user = target->user.empty() ? "" : target->user + "@";
  const auto url = target->scheme + "://" + user + target->host + ":" + std::to_string(target->port) + target->path;
  HOLDS(is_printable_line(url));
  const auto again = transport::parse_target(url);
  HOLDS(again && again->user == target->user && again->host == target->host && again->port == target->port && again->path == target->path);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text({data, size});
  for (const auto check : {check_numbers, check_time, check_names, check_network, check_keys, check_target}) check(text);
  return 0;
}
