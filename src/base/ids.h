// SPDX-License-Identifier: Apache-2.0
// The names of this field as types, so that a chain is never passed where a digest belongs.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/bytes.h"

namespace shutterseal {

// N octets with an order; hex() for people and file names.
template <std::size_t N, class Tag>
struct Octets {
  static constexpr std::size_t kSize = N;
  std::array<std::uint8_t, N> octets{};

  [[nodiscard]] ByteView view() const { return octets; }
  [[nodiscard]] std::string hex() const;
  [[nodiscard]] bool is_zero() const { return octets == std::array<std::uint8_t, N>{}; }
  [[nodiscard]] static std::optional<Octets> from_view(ByteView bytes);   // exactly N octets, else nothing
  [[nodiscard]] static std::optional<Octets> parse(std::string_view hex);  // exactly 2 N lower-case digits, else nothing
  friend auto operator<=>(const Octets&, const Octets&) = default;
};

using Digest = Octets<32, struct DigestTag>;   // SHA-256 of a whole thing: envelope, parcel, certificate, key
using ChainId = Octets<16, struct ChainTag>;   // random, chosen by the camera when a chain starts
using Ski = Octets<20, struct SkiTag>;         // subject key identifier: leftmost 160 bits of SHA-256 (RFC 7093 section 2, method 1)

extern template struct Octets<32, struct DigestTag>;
extern template struct Octets<16, struct ChainTag>;
extern template struct Octets<20, struct SkiTag>;

// A camera's name: [a-z0-9]([a-z0-9-]{0,26}[a-z0-9])?, at most 28 octets, so that "cam-ID" fits a Unix account name of 32.
class CameraId {
 public:
  [[nodiscard]] static std::optional<CameraId> parse(std::string_view text);
  // The same from "cam-ID", the account and directory name.
  [[nodiscard]] static std::optional<CameraId> from_account(std::string_view account);
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string account() const { return "cam-" + text_; }
  friend auto operator<=>(const CameraId&, const CameraId&) = default;

 private:
  explicit CameraId(std::string_view text) : text_(text) {}
  std::string text_;
};

inline constexpr std::uint64_t kLargestInteger = (std::uint64_t{1} << 53) - 1;  // exact in every JSON reader

}  // namespace shutterseal
