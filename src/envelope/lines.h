// SPDX-License-Identifier: Apache-2.0
// Receipts and bundles are texts of "WORD REST" lines in a fixed order, inside the SignedData form.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "src/envelope/receipt.h"

namespace shutterseal::envelope {

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool next_is(std::string_view word) const {
    return good_ && rest_.starts_with(word) && rest_.substr(word.size()).starts_with(' ');
  }
  // The rest of the next line, which must start with `word`; nothing (and a complaint) otherwise.
  std::string_view value(std::string_view word) {
    if (!next_is(word)) good_ = false;
    const auto line = take();
    return good_ ? line.substr(word.size() + 1) : std::string_view();
  }
  void literal(std::string_view line) {
    if (take() != line) good_ = false;
  }
  [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }
  [[nodiscard]] std::string complaint() const { return "malformed at line " + std::to_string(number_ == 0 ? 1 : number_); }

 private:
  std::string_view take() {
    const auto end = rest_.find('\n');
    ++number_;
    if (!good_ || end == std::string_view::npos) {
      good_ = false;
      return {};
    }
    const auto line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  std::string_view rest_;
  int number_ = 0;
  bool good_ = true;
};

struct SignedText {
  std::string text;
  Certificate signer;
};
// Base64 of a certificate's DER. Called only on drafts of our own and on text whose signature was good.
[[nodiscard]] std::optional<Certificate> certificate_of(std::string_view base64);
[[nodiscard]] Bytes sign_text(std::string_view text, const PrivateKey& key, const Certificate& certificate);
[[nodiscard]] Reading<SignedText> read_signed_text(ByteView bytes, std::size_t limit, std::span<const Digest> pins);

}  // namespace shutterseal::envelope
