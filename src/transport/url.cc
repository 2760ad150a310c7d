// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "src/base/text.h"
#include "src/transport/transport.h"

namespace shutterseal::transport {

static constexpr std::string_view kSftp = "sftp://", kFtps = "ftps://";

static bool is_plain(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || also.find(c) != std::string_view::npos;
  });
}

static bool take_port(std::string_view text, Target& target) {
  if (text.empty()) return true;
  const auto port = text.front() == ':' ? parse_decimal(text.substr(1), 65535) : std::nullopt;
  if (!port || *port == 0) return false;
  target.port = static_cast<unsigned>(*port);
  return true;
}

static bool take_host(std::string_view authority, Target& target) {
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return false;
    target.host = authority.substr(0, end + 1);
    const auto inside = authority.substr(1, end - 1);
    return inside.find(':') != std::string_view::npos && is_plain(inside, ":.") && take_port(authority.substr(end + 1), target);
  }
  const auto colon = std::min(authority.find(':'), authority.size());
  target.host = authority.substr(0, colon);
  return !target.host.empty() && is_plain(target.host, "-._") && take_port(authority.substr(colon), target);
}

std::optional<Target> parse_target(std::string_view url) {
  const bool ftps = url.starts_with(kFtps);
  if (!ftps && !url.starts_with(kSftp)) return std::nullopt;
  Target target;
  target.scheme = ftps ? "ftps" : "sftp";
  target.port = ftps ? 21 : 22;
  auto rest = url.substr(kSftp.size());
  const auto slash = std::min(rest.find('/'), rest.size());
  auto authority = rest.substr(0, slash);
  target.path = std::string(rest.substr(slash));
  if (target.path.empty()) target.path = "/";
  if (!target.path.ends_with('/')) target.path += '/';
  if (const auto at = authority.find('@'); at != std::string_view::npos) {
    target.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    if (target.user.empty() || !is_plain(target.user, "-._")) return std::nullopt;
  }
  if (!take_host(authority, target) || !is_plain(target.path, "/-._")) return std::nullopt;
  return target;
}

}  // namespace shutterseal::transport
