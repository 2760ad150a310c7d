// SPDX-License-Identifier: Apache-2.0
#include "src/uploader/envelope_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "src/base/error.h"
#include "src/base/fd.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/envelope/keys.h"

namespace shutterseal::uploader {

static constexpr std::string_view kSuffix = ".p7m";
static constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;  // no envelope comes near it: what has grown beyond is not read to its end

std::string EnvelopeName::text() const {
  return chain.hex() + "-" + std::to_string(sequence) + "-" + digest.hex() + std::string(kSuffix);
}

std::optional<EnvelopeName> EnvelopeName::parse(std::string_view text) {
  if (!text.ends_with(kSuffix)) return std::nullopt;
  const auto parts = split(text.substr(0, text.size() - kSuffix.size()), '-');
  if (parts.size() != 3) return std::nullopt;
  const auto chain = ChainId::parse(parts[0]);
  const auto sequence = parse_decimal(parts[1], kLargestInteger);
  const auto digest = Digest::parse(parts[2]);
  if (!chain || !sequence || *sequence == 0 || !digest) return std::nullopt;
  return EnvelopeName{*chain, *sequence, *digest};
}

std::vector<Listed> list_envelopes(int dir) {
  std::vector<Listed> found;
  for (const auto& text : list_dir(dir)) {
    const auto name = EnvelopeName::parse(text);
    struct stat info {};
    if (!name) continue;
    if (::fstatat(dir, text.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      if (errno == ENOMEM) throw_errno("cannot look at", text);
      found.push_back({{.name = *name, .suspect = true}, 0});
    } else {
      const auto size = S_ISREG(info.st_mode) ? static_cast<std::uint64_t>(info.st_size) : 0;
      found.push_back({{.name = *name, .size = size, .suspect = size == 0}, mtime_ms(info)});
    }
  }
  return found;
}

// Passage: chain OCTET STRING, sequence INTEGER, previous OCTET STRING, kind ENUMERATED, one after the other (shutterseal-envelope(5)).
static Bytes passage_pattern(const EnvelopeName& name) {
  Bytes pattern{0x04, 0x10};
  pattern.insert(pattern.end(), name.chain.octets.begin(), name.chain.octets.end());
  Bytes number;
  for (auto rest = name.sequence; rest != 0; rest >>= 8) number.insert(number.begin(), static_cast<std::uint8_t>(rest & 0xff));
  if (number.empty() || (number.front() & 0x80) != 0) number.insert(number.begin(), 0);
  pattern.push_back(0x02);
  pattern.push_back(static_cast<std::uint8_t>(number.size()));
  pattern.insert(pattern.end(), number.begin(), number.end());
  pattern.push_back(0x04);
  pattern.push_back(0x20);
  return pattern;
}

std::optional<Link> find_link(ByteView tail, const EnvelopeName& name) {
  static constexpr std::uint8_t kEvent[] = {0x0a, 0x01, 0x01};
  const auto pattern = passage_pattern(name);
  // From the end: ciphertext that happens to look like it comes first in the file.
  const auto found = std::find_end(tail.begin(), tail.end(), pattern.begin(), pattern.end());
  if (found == tail.end()) return std::nullopt;
  const auto at = static_cast<std::size_t>(found - tail.begin()) + pattern.size();
  if (tail.size() - at < Digest::kSize + sizeof kEvent) return std::nullopt;
  return Link{*Digest::from_view(tail.subspan(at, Digest::kSize)), std::ranges::equal(tail.subspan(at + Digest::kSize, sizeof kEvent), kEvent)};
}

std::optional<Link> link_of_open(int fd, const EnvelopeName& name) {
  std::array<std::uint8_t, 2048> tail;  // outer attributes, note and signature are well below this
  struct stat info {};
  if (::fstat(fd, &info) != 0) return std::nullopt;
  const auto size = std::min<off_t>(tail.size(), info.st_size);
  if (::pread(fd, tail.data(), static_cast<std::size_t>(size), info.st_size - size) != size) return std::nullopt;
  return find_link(ByteView(tail).first(static_cast<std::size_t>(size)), name);
}

std::optional<Link> link_of(int dir, const EnvelopeName& name) {
  const auto file = open_hostile(dir, name.text());
  return file.fd ? link_of_open(file.fd.get(), name) : std::nullopt;
}

std::string reason_of(const HostileFile& file) {
  if (file.problem == HostileProblem::none) return "";
  return file.problem == HostileProblem::not_regular ? "it is no file" : errno_text(file.error);
}

Examined examine(int dir, const EnvelopeName& name) {
  static constexpr std::size_t kPiece = 64 * 1024;
  const auto file = open_hostile(dir, name.text());
  if (file.problem == HostileProblem::vanished) return {Condition::vanished, reason_of(file), 0, {}};
  if (!file.fd) return {Condition::damaged, reason_of(file), 0, {}};
  envelope::Sha256 hash;
  Bytes piece(kPiece);
  std::uint64_t total = 0;
  while (total <= kLargestFile) {
    const auto got = ::read(file.fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ENOMEM) throw_errno("cannot read", name.text());
    if (got < 0) return {Condition::damaged, errno_text(errno), 0, {}};
    if (got == 0) break;
    hash.update(ByteView(piece).first(static_cast<std::size_t>(got)));
    total += static_cast<std::uint64_t>(got);
  }
  if (hash.finish() != name.digest) return {Condition::damaged, kOtherOctets, 0, {}};
  return {Condition::whole, "", total, link_of_open(file.fd.get(), name)};
}

}  // namespace shutterseal::uploader
