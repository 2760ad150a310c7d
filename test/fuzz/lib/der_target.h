// SPDX-License-Identifier: Apache-2.0
// Included by a target whose inputs are DER: libFuzzer then changes them as trees. One time in eight as plain octets, because a tree
// never has a header torn in two.
#pragma once

#include <algorithm>

#include "test/fuzz/lib/der_tree.h"
#include "test/fuzz/lib/fuzz.h"

// The replay has no libFuzzer and brings a plain one of its own.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

inline std::size_t put_back(const shutterseal::Bytes& changed, std::uint8_t* data) {
  std::copy(changed.begin(), changed.end(), data);
  return changed.size();
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  if (seed % 8 == 0) return LLVMFuzzerMutate(data, size, most);
  return put_back(shutterseal::fuzz::mutate_der({data, size}, most, seed, LLVMFuzzerMutate), data);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data, std::size_t size, const std::uint8_t* other, std::size_t other_size,
                                                 std::uint8_t* out, std::size_t most, unsigned seed) {
  return put_back(shutterseal::fuzz::cross_over_der({data, size}, {other, other_size}, most, seed), out);
}
