// SPDX-License-Identifier: Apache-2.0
// Byte strings: who owns them (Bytes), who only looks (ByteView), and room for many that are about to be written (Buffer).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shutterseal {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// Not zeroed: that would be a pass over ten megabytes that are overwritten at once. Whoever reads it must have written it.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) : octets_(std::make_unique_for_overwrite<std::uint8_t[]>(size)), size_(size) {}
  [[nodiscard]] std::span<std::uint8_t> span() noexcept { return {octets_.get(), size_}; }
  [[nodiscard]] ByteView view() const noexcept { return {octets_.get(), size_}; }

 private:
  std::unique_ptr<std::uint8_t[]> octets_;
  std::size_t size_ = 0;
};

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace shutterseal
