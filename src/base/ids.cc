// SPDX-License-Identifier: Apache-2.0
#include "src/base/ids.h"

#include <algorithm>

#include "src/base/text.h"

namespace shutterseal {

template <std::size_t N, class Tag>
std::string Octets<N, Tag>::hex() const {
  return to_hex(octets);
}

template <std::size_t N, class Tag>
std::optional<Octets<N, Tag>> Octets<N, Tag>::from_view(ByteView bytes) {
  if (bytes.size() != N) return std::nullopt;
  Octets out;
  std::copy(bytes.begin(), bytes.end(), out.octets.begin());
  return out;
}

template <std::size_t N, class Tag>
std::optional<Octets<N, Tag>> Octets<N, Tag>::parse(std::string_view hex) {
  const auto bytes = from_hex(hex, N);
  return bytes ? from_view(*bytes) : std::nullopt;
}

template struct Octets<32, struct DigestTag>;
template struct Octets<16, struct ChainTag>;
template struct Octets<20, struct SkiTag>;

static bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

std::optional<CameraId> CameraId::parse(std::string_view text) {
  constexpr std::size_t kLongest = 28;
  if (text.empty() || text.size() > kLongest) return std::nullopt;
  if (!is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '-'; })) return std::nullopt;
  return CameraId(text);
}

std::optional<CameraId> CameraId::from_account(std::string_view account) {
  constexpr std::string_view kPrefix = "cam-";
  if (!account.starts_with(kPrefix)) return std::nullopt;
  return parse(account.substr(kPrefix.size()));
}

}  // namespace shutterseal
