// SPDX-License-Identifier: Apache-2.0
#include "src/doctor/kexinit.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "src/base/text.h"
#include "src/doctor/octets.h"

namespace shutterseal::doctor {

static constexpr std::size_t kLongestPacket = 35'000;  // RFC 4253 section 6.1
static constexpr std::size_t kLongestLine = 255, kMostLines = 10;
static constexpr std::uint8_t kKexInit = 20;
static constexpr std::size_t kCookie = 16;

// The next name-list (RFC 4251 section 5).
static bool take_list(ByteView& rest, std::vector<std::string>& names) {
  const auto text = take_text(rest);
  if (!text || !std::all_of(text->begin(), text->end(), [](char c) { return c > ' ' && c < 0x7f; })) return false;
  for (const auto name : split(*text, ','))
    if (!name.empty()) names.emplace_back(name);
  return true;
}

std::optional<Offer> parse_kexinit(ByteView payload) {
  if (payload.size() < 1 + kCookie || payload[0] != kKexInit) return std::nullopt;
  auto rest = payload.subspan(1 + kCookie);
  Offer offer;
  std::array<std::vector<std::string>*, 8> lists{&offer.kex,  &offer.host_keys, &offer.ciphers,      &offer.ciphers,
                                                 &offer.macs, &offer.macs,      &offer.compressions, &offer.compressions};
  for (auto* list : lists)
    if (!take_list(rest, *list)) return std::nullopt;
  return offer;
}

static std::optional<std::string> read_version(Tcp& tcp) {
  for (std::size_t i = 0; i < kMostLines; ++i) {
    auto line = tcp.read_line(kLongestLine);
    if (!line) return std::nullopt;
    if (line->ends_with('\r')) line->pop_back();
    if (line->starts_with("SSH-")) return line;
  }
  return std::nullopt;
}

std::optional<Offer> read_offer(Tcp& tcp) {
  static constexpr std::string_view kOurs = "SSH-2.0-shutterseal_doctor\r\n";
  const auto version = read_version(tcp);
  if (!version || !tcp.write(as_bytes(kOurs))) return std::nullopt;
  const auto head = tcp.read_exactly(5);
  if (!head) return std::nullopt;
  ByteView rest(*head);
  const std::size_t length = take_number(rest).value(), padding = rest[0];
  if (length < padding + 2 || length > kLongestPacket) return std::nullopt;
  const auto body = tcp.read_exactly(length - 1);
  if (!body) return std::nullopt;
  auto offer = parse_kexinit(ByteView(*body).first(length - 1 - padding));
  if (offer) offer->version = *version;
  return offer;
}

// ---- what is weak -------------------------------------------------------------------------------------------------------------------

using Strong = std::set<std::string_view>;

static std::vector<std::string> without(const std::vector<std::string>& offered, const Strong& strong) {
  std::set<std::string> weak;
  for (const auto& name : offered)
    if (!strong.contains(name)) weak.insert(name);
  return {weak.begin(), weak.end()};
}

std::vector<std::string> weak_kex(const std::vector<std::string>& offered) {
  // The last three are no methods but signals: extension negotiation (RFC 8308) and the strict key exchange against CVE-2023-48795.
  static const Strong strong{"mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256",
                             "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
                             "diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
                             "ext-info-s", "kex-strict-s-v00@openssh.com", "kex-strict-c-v00@openssh.com"};
  return without(offered, strong);
}

std::vector<std::string> weak_host_keys(const std::vector<std::string>& offered) {
  static const Strong strong{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256", "rsa-sha2-512",
                             "ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com"};
  return without(offered, strong);
}

std::vector<std::string> weak_ciphers(const std::vector<std::string>& offered) {
  static const Strong strong{"chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr"};
  return without(offered, strong);
}

std::vector<std::string> weak_macs(const std::vector<std::string>& offered) {
  static const Strong strong{"hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-512", "hmac-sha2-256",
                             "umac-128@openssh.com"};
  return without(offered, strong);
}

}  // namespace shutterseal::doctor
