// SPDX-License-Identifier: Apache-2.0
// What holds of every answer about a parcel: the ranges cover it in order, without a gap and without an overlap.
#pragma once

#include <algorithm>

#include "src/envelope/envelope.h"
#include "test/fuzz/lib/fuzz.h"

namespace shutterseal::fuzz {

inline ByteView range_of(ByteView parcel, const envelope::Judged& one) { return parcel.subspan(one.offset, one.size); }

inline void check_cover(ByteView parcel, const std::vector<envelope::Judged>& all) {
  HOLDS(!all.empty());
  std::size_t at = 0;
  for (const auto& one : all) {
    HOLDS(one.offset == at && one.size <= parcel.size() - at && (one.size != 0 || parcel.empty()));
    HOLDS(one.digest == envelope::sha256(range_of(parcel, one)));
    at += one.size;
  }
  HOLDS(at == parcel.size());
}

// The signature was good: whatever the verdict makes of it, these octets are taken for that camera's words.
inline bool is_believed(const envelope::Judged& one) { return is_stored(one.verdict) || one.verdict == Verdict::wrong_camera; }

}  // namespace shutterseal::fuzz
