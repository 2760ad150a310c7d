// SPDX-License-Identifier: Apache-2.0
// Internet addresses and prefixes (RFC 4632, RFC 4291), for the networks that a camera may log in from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shutterseal::registry {

// IPv4 is held as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2), which is also how a dual-stack server may report it: one form, one comparison.
struct Address {
  std::array<std::uint8_t, 16> octets{};
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);  // a name, a port or a scope: nothing
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_v4() const noexcept;
  friend bool operator==(const Address&, const Address&) = default;
};

// "198.51.100.0/24", "2001:db8::/32", or one address. Bits behind the prefix must be zero: 198.51.100.7/24 is somebody's mistake.
class Network {
 public:
  [[nodiscard]] static std::optional<Network> parse(std::string_view text);
  [[nodiscard]] bool contains(const Address& address) const noexcept;
  [[nodiscard]] std::string text() const;

 private:
  Network(const Address& base, unsigned bits) : base_(base), bits_(bits) {}
  Address base_;
  unsigned bits_;  // 0..128, counted in the mapped form
};

}  // namespace shutterseal::registry
