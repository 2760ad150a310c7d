// SPDX-License-Identifier: Apache-2.0
#include "src/base/verdict.h"

#include <array>
#include <utility>

#include "src/base/error.h"

namespace shutterseal {

static constexpr std::array<std::pair<Verdict, std::string_view>, 15> kNames{{
    {Verdict::accepted, "accepted"},
    {Verdict::fork, "fork"},
    {Verdict::expired, "expired"},
    {Verdict::wrong_recipients, "wrong-recipients"},
    {Verdict::duplicate, "duplicate"},
    {Verdict::void_after_theft, "void-after-theft"},
    {Verdict::suspended, "suspended"},
    {Verdict::malformed, "malformed"},
    {Verdict::too_large, "too-large"},
    {Verdict::bad_signature, "bad-signature"},
    {Verdict::unknown_signer, "unknown-signer"},
    {Verdict::wrong_camera, "wrong-camera"},
    {Verdict::not_a_file, "not-a-file"},
    {Verdict::not_decryptable, "not-decryptable"},
    {Verdict::inner_mismatch, "inner-mismatch"},
}};

std::string_view verdict_name(Verdict verdict) noexcept {
  for (const auto& [value, name] : kNames)
    if (value == verdict) return name;
  bug("a verdict has a name", __FILE__, __LINE__);
}

std::optional<Verdict> parse_verdict(std::string_view name) noexcept {
  for (const auto& [value, known] : kNames)
    if (known == name) return value;
  return std::nullopt;
}

}  // namespace shutterseal
