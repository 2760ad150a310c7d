// SPDX-License-Identifier: Apache-2.0
#include "src/evidence/by_path.h"

#include "src/base/text.h"

namespace shutterseal::evidence {

static constexpr std::string_view kSuffix = ".p7m";
static constexpr std::size_t kShortest = 16;  // hex digits of the digest

// "DIGEST.p7m", whole or its first sixteen digits, or "DIGEST-2.p7m".
static bool names_digest(std::string_view tail, const Digest& digest) {
  if (!tail.ends_with(kSuffix)) return false;
  tail.remove_suffix(kSuffix.size());
  const auto hex = tail.substr(0, tail.find('-'));
  const auto whole = digest.hex();
  return (hex == whole || hex == std::string_view(whole).substr(0, kShortest)) &&
         (hex.size() == tail.size() || parse_decimal(tail.substr(hex.size() + 1), 99).has_value());
}

std::optional<TimeMs> received_by_path(const std::string& path, const CameraId& camera, const ChainId& chain, std::uint64_t sequence, const Digest& digest) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto name = std::string_view(path).substr(slash + 1);
  const auto received = parse_decimal(name.substr(0, name.find('-')), kLatestTime);
  if (!received) return std::nullopt;
  const auto folder = camera.account() + "/" + format_utc(static_cast<TimeMs>(*received), "%Y-%m-%d/%H");
  const auto parent = std::string_view(path).substr(0, slash);
  if (!parent.ends_with(folder) || (parent.size() > folder.size() && parent[parent.size() - folder.size() - 1] != '/')) return std::nullopt;
  const auto head = std::to_string(*received) + "-" + chain.hex().substr(0, 8) + "-" + std::to_string(sequence) + "-";
  if (!name.starts_with(head) || !names_digest(name.substr(head.size()), digest)) return std::nullopt;
  return static_cast<TimeMs>(*received);
}

}  // namespace shutterseal::evidence
