// SPDX-License-Identifier: Apache-2.0
// DER as a tree that can be taken apart, changed and put together again with right lengths all the way up: a change in the middle of a
// message then still reaches the code that reads the middle. Lenient: what is no element is kept as plain octets.
#pragma once

#include <functional>
#include <vector>

#include "src/base/bytes.h"

namespace shutterseal::fuzz {

// How a length is written. Everything but minimal is what DER forbids.
enum class LengthForm : std::uint8_t { minimal, needlessly_long, padded, indefinite, too_short, too_long };

struct Node {
  bool is_element = true;  // false: octets without a header
  std::uint8_t tag = 0;
  LengthForm length = LengthForm::minimal;
  Bytes content;               // of a leaf
  std::vector<Node> children;  // of a constructed element, or of an OCTET STRING that holds DER
  [[nodiscard]] bool is(std::uint8_t wanted) const { return is_element && tag == wanted; }
};

[[nodiscard]] std::vector<Node> parse_nodes(ByteView bytes, int depth = 0);
[[nodiscard]] Bytes encode(const Node& node);
[[nodiscard]] Bytes encode(const std::vector<Node>& nodes);
[[nodiscard]] Bytes encode_content(const Node& node);  // without the header

// A change to the octets in place: LLVMFuzzerMutate, or one of our own where there is no libFuzzer.
using MutateOctets = std::function<std::size_t(std::uint8_t* data, std::size_t size, std::size_t most)>;

// One to four changes to random nodes: value, tag, length form, order, copies, deletions, known OIDs and edge values. Nothing longer than `most`.
[[nodiscard]] Bytes mutate_der(ByteView input, std::size_t most, unsigned seed, const MutateOctets& mutate_octets);
// A node of `other` takes the place of one of `input`.
[[nodiscard]] Bytes cross_over_der(ByteView input, ByteView other, std::size_t most, unsigned seed);

}  // namespace shutterseal::fuzz
