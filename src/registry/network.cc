// SPDX-License-Identifier: Apache-2.0
#include "src/registry/network.h"

#include <arpa/inet.h>

#include <algorithm>

#include "src/base/text.h"

namespace shutterseal::registry {

static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static constexpr unsigned kMappedBits = 96;

bool Address::is_v4() const noexcept { return std::equal(kMapped.begin(), kMapped.end(), octets.begin()); }

std::optional<Address> Address::parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.size() != text.size() || terminated.find('\0') != std::string::npos) return std::nullopt;
  Address address;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.octets.data()) == 1) return address;
  std::copy(kMapped.begin(), kMapped.end(), address.octets.begin());
  if (::inet_pton(AF_INET, terminated.c_str(), address.octets.data() + kMapped.size()) == 1) return address;
  return std::nullopt;
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  const bool v4 = is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, octets.data() + (v4 ? kMapped.size() : 0), buffer, sizeof buffer);
  return buffer;
}

static bool same_prefix(const Address& a, const Address& b, unsigned bits) noexcept {
  const auto whole = bits / 8, rest = bits % 8;
  if (!std::equal(a.octets.begin(), a.octets.begin() + whole, b.octets.begin())) return false;
  return rest == 0 || (a.octets[whole] >> (8 - rest)) == (b.octets[whole] >> (8 - rest));
}

static bool is_base_of(const Address& address, unsigned bits) {
  Address masked = address;
  for (unsigned bit = bits; bit < 128; ++bit) masked.octets[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  return masked == address;
}

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = Address::parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  const bool v4 = base->is_v4() && text.find(':') == std::string_view::npos;
  if (slash == std::string_view::npos) return Network(*base, 128);
  const auto length = parse_decimal(text.substr(slash + 1), v4 ? 32 : 128);
  if (!length) return std::nullopt;
  const auto bits = static_cast<unsigned>(*length) + (v4 ? kMappedBits : 0);
  if (!is_base_of(*base, bits)) return std::nullopt;
  return Network(*base, bits);
}

bool Network::contains(const Address& address) const noexcept { return same_prefix(base_, address, bits_); }

std::string Network::text() const {
  const bool v4 = base_.is_v4() && bits_ >= kMappedBits;
  return base_.text() + "/" + std::to_string(v4 ? bits_ - kMappedBits : bits_);
}

}  // namespace shutterseal::registry
