// SPDX-License-Identifier: Apache-2.0
// What an attacker or a bad input may cause is a value: the verdict on one envelope or drop.
// The names are stable: code, logs, metrics, JSON, receipts and man pages use them alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shutterseal {

enum class Verdict : std::uint8_t {
  // Stored and receipted.
  accepted = 0,
  fork = 1,              // same chain and sequence with another digest, or a `previous` that contradicts a stored neighbour
  expired = 2,           // signed with a certificate past its end: ends login and renewal, not evidence
  wrong_recipients = 3,  // no custodian of this server can open it
  duplicate = 4,         // same digest as a stored one: receipted, not stored again
  // Put aside in void/, kept, not receipted.
  void_after_theft = 5,
  // Left waiting in the drop directory, not judged.
  suspended = 6,
  // Refused, to quarantine/.
  malformed = 16,
  too_large = 17,
  bad_signature = 18,
  unknown_signer = 19,
  wrong_camera = 20,
  not_a_file = 21,
  // Added by `verify` and `open`.
  not_decryptable = 32,
  inner_mismatch = 33,
};

[[nodiscard]] std::string_view verdict_name(Verdict verdict) noexcept;  // "bad-signature"
[[nodiscard]] std::optional<Verdict> parse_verdict(std::string_view name) noexcept;
[[nodiscard]] constexpr bool is_stored(Verdict v) noexcept { return v <= Verdict::wrong_recipients; }
[[nodiscard]] constexpr bool is_receipted(Verdict v) noexcept { return v <= Verdict::duplicate; }
[[nodiscard]] constexpr bool is_refused(Verdict v) noexcept { return v >= Verdict::malformed; }

}  // namespace shutterseal
