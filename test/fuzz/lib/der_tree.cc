// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/lib/der_tree.h"

#include <algorithm>
#include <array>
#include <optional>
#include <random>

#include "src/envelope/der.h"

namespace shutterseal::fuzz {

namespace der = envelope::der;

static constexpr std::uint8_t kConstructed = 0x20;
static constexpr int kDeepest = 24;

// Not the reader under test: what that one must refuse is taken here, and written back as it came.
struct Header {
  std::size_t size = 2, content = 0;
  LengthForm form = LengthForm::minimal;
};

static std::optional<Header> read_header(ByteView bytes) {
  if (bytes.size() < 2) return std::nullopt;
  Header header;
  header.content = bytes[1];
  if (bytes[1] >= 0x80) {
    const std::size_t count = bytes[1] & 0x7f;
    if (count == 0 || count > 3 || bytes.size() < 2 + count) return std::nullopt;
    header.size += count;
    header.content = 0;
    for (std::size_t i = 0; i < count; ++i) header.content = header.content << 8 | bytes[2 + i];
  }
  if (header.content > bytes.size() - header.size) return std::nullopt;
  if (header.size > der::header(bytes[0], header.content).size())
    header.form = header.size == 3 ? LengthForm::needlessly_long : LengthForm::padded;
  return header;
}

// An OCTET STRING's content is taken apart when it is one SEQUENCE to the last octet: the next layer of an envelope.
static bool holds_der(std::uint8_t tag, ByteView content) {
  if (tag != der::kOctetString || content.empty() || content[0] != der::kSequence) return false;
  const auto header = read_header(content);
  return header && header->size + header->content == content.size();
}

static Node parse_element(ByteView content, std::uint8_t tag, LengthForm form, int depth) {
  Node node;
  node.tag = tag;
  node.length = form;
  if (depth < kDeepest && ((tag & kConstructed) != 0 || holds_der(tag, content))) node.children = parse_nodes(content, depth + 1);
  if (node.children.empty()) node.content.assign(content.begin(), content.end());
  return node;
}

std::vector<Node> parse_nodes(ByteView bytes, int depth) {
  std::vector<Node> nodes;
  while (!bytes.empty()) {
    const auto header = read_header(bytes);
    if (!header) {
      Node rest;
      rest.is_element = false;
      rest.content.assign(bytes.begin(), bytes.end());
      nodes.push_back(std::move(rest));
      return nodes;
    }
    nodes.push_back(parse_element(bytes.subspan(header->size, header->content), bytes[0], header->form, depth));
    bytes = bytes.subspan(header->size + header->content);
  }
  return nodes;
}

Bytes encode_content(const Node& node) { return node.children.empty() ? node.content : encode(node.children); }

static Bytes encode_header(const Node& node, std::size_t size) {
  switch (node.length) {
    case LengthForm::minimal: break;
    case LengthForm::needlessly_long:
      if (size > 0xff) break;
      return {node.tag, 0x81, static_cast<std::uint8_t>(size)};
    case LengthForm::padded: return {node.tag, 0x83, static_cast<std::uint8_t>(size >> 16), static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
    case LengthForm::indefinite: return {node.tag, 0x80};
    case LengthForm::too_short: return der::header(node.tag, size - std::min<std::size_t>(size, 1));
    case LengthForm::too_long: return der::header(node.tag, size + 1);
  }
  return der::header(node.tag, size);
}

Bytes encode(const Node& node) {
  const auto content = encode_content(node);
  if (!node.is_element) return content;
  auto out = encode_header(node, content.size());
  der::append(out, content);
  if (node.length == LengthForm::indefinite) out.insert(out.end(), 2, 0);
  return out;
}

Bytes encode(const std::vector<Node>& nodes) {
  Bytes out;
  for (const auto& node : nodes) der::append(out, encode(node));
  return out;
}

// ---- mutation ---------------------------------------------------------------------------------------------------------------

namespace {

using Random = std::minstd_rand;

std::size_t below(Random& random, std::size_t end) { return random() / 7 % end; }  // the low bits of this generator are the weak ones

template <class List>
const auto& any_of(Random& random, const List& list) {
  return list[below(random, list.size())];
}

// Every node with the list that it stands in, in order of the message.
struct Place {
  std::vector<Node>* siblings;
  std::size_t index;
  [[nodiscard]] Node& node() const { return (*siblings)[index]; }
};

void collect(std::vector<Node>& nodes, std::vector<Place>& places) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    places.push_back({&nodes, i});
    collect(nodes[i].children, places);
  }
}

std::vector<Place> places_of(std::vector<Node>& nodes) {
  std::vector<Place> places;
  collect(nodes, places);
  return places;
}

void change_tag(Random& random, Node& node) {
  static constexpr std::array<std::uint8_t, 20> kTags{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x17,
                                                      0x18, 0x24, 0x30, 0x31, 0x80, 0x81, 0xa0, 0xa1, 0xa2, 0x1f};
  node.tag = below(random, 4) == 0 ? static_cast<std::uint8_t>(node.tag ^ (1U << below(random, 8))) : any_of(random, kTags);
}

// What integers, sequence numbers and times have at their edges: zero, sign bits, 2^31, 2^53, 2^63, 2^64 and their neighbours, padding.
void set_edge_value(Random& random, Node& node) {
  static const std::vector<Bytes> kEdges{{},
                                         {0},
                                         {1},
                                         {0x7f},
                                         {0x80},
                                         {0xff},
                                         {0, 0x7f},
                                         {0, 0x80},
                                         {0, 1},
                                         {0x7f, 0xff, 0xff, 0xff},
                                         {0, 0x80, 0, 0, 0},
                                         {0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                         {0x20, 0, 0, 0, 0, 0, 0},
                                         {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                         {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                         {1, 0, 0, 0, 0, 0, 0, 0, 0}};
  node.children.clear();
  node.content = any_of(random, kEdges);
}

void set_known_oid(Random& random, Node& node) {
  static const std::vector<Bytes> kOids{
      der::oid({1, 2, 840, 113549, 1, 7, 1}),        der::oid({1, 2, 840, 113549, 1, 7, 2}),         der::oid({1, 2, 840, 113549, 1, 9, 3}),
      der::oid({1, 2, 840, 113549, 1, 9, 4}),        der::oid({1, 2, 840, 113549, 1, 9, 5}),         der::oid({1, 2, 840, 113549, 1, 9, 16, 1, 23}),
      der::oid({1, 2, 840, 113549, 1, 9, 16, 2, 47}), der::oid({2, 16, 840, 1, 101, 3, 4, 2, 2}),     der::oid({2, 16, 840, 1, 101, 3, 4, 1, 6}),
      der::oid({1, 2, 840, 10045, 4, 3, 4}),         der::oid({1, 3, 132, 0, 34}),                   der::oid({2, 5, 4, 3})};
  node = parse_nodes(any_of(random, kOids)).front();
}

void mutate_leaf(Random& random, Node& node, const MutateOctets& mutate_octets) {
  auto content = encode_content(node);
  const auto size = content.size();
  content.resize(size + 1 + below(random, 16));
  content.resize(mutate_octets(content.data(), size, content.size()));
  node.children.clear();
  node.content = std::move(content);
}

void wrap(Random& random, Node& node) {
  Node outer;
  outer.tag = below(random, 2) == 0 ? der::kSequence : std::uint8_t{0xa0};
  outer.children.push_back(std::move(node));
  node = std::move(outer);
}

void sort_children(Node& node) {
  std::sort(node.children.begin(), node.children.end(), [](const Node& a, const Node& b) { return encode(a) < encode(b); });
}

// The same INTEGER, one octet longer than it may be.
void pad(Node& node) {
  if (node.children.empty()) node.content.insert(node.content.begin(), 0);
}

// A digit for a digit, a letter for a letter: names and times stay what they are, and say something else.
void change_character(Random& random, Node& node) {
  if (!node.children.empty() || node.content.empty()) return;
  auto& octet = node.content[below(random, node.content.size())];
  if (octet >= '0' && octet <= '9') octet = static_cast<std::uint8_t>('0' + below(random, 10));
  if (octet >= 'a' && octet <= 'z') octet = static_cast<std::uint8_t>('a' + below(random, 26));
}

void insert_copy(const Place& at, Node copy) {
  at.siblings->insert(at.siblings->begin() + static_cast<std::ptrdiff_t>(at.index), std::move(copy));
}

void change_one(Random& random, std::vector<Node>& tree, const MutateOctets& mutate_octets) {
  const auto places = places_of(tree);
  if (places.empty()) return;
  const auto at = any_of(random, places);
  const auto other = any_of(random, places).node();
  switch (below(random, 16)) {
    case 0: return change_tag(random, at.node());
    case 1: return insert_copy(at, at.node());
    case 2: at.siblings->erase(at.siblings->begin() + static_cast<std::ptrdiff_t>(at.index)); return;
    case 3: return std::swap(at.node(), (*at.siblings)[below(random, at.siblings->size())]);
    case 4: at.node() = other; return;
    case 5: return insert_copy(at, other);
    case 6: at.node().length = static_cast<LengthForm>(1 + below(random, 5)); return;
    case 7: return set_edge_value(random, at.node());
    case 8: return set_known_oid(random, at.node());
    case 9: return wrap(random, at.node());
    case 10: return sort_children(at.node());
    case 11: return pad(at.node());
    case 12: return change_character(random, at.node());
    default: return mutate_leaf(random, at.node(), mutate_octets);
  }
}

}  // namespace

// Copies of copies grow: what got too long is given up, not cut, since a cut would spoil the lengths.
static Bytes fitting(Bytes changed, ByteView input, std::size_t most) {
  return changed.size() <= most ? std::move(changed) : Bytes(input.begin(), input.end());
}

Bytes mutate_der(ByteView input, std::size_t most, unsigned seed, const MutateOctets& mutate_octets) {
  Random random(seed);
  auto tree = parse_nodes(input);
  for (auto changes = 1 + below(random, 4); changes > 0; --changes) change_one(random, tree, mutate_octets);
  return fitting(encode(tree), input, most);
}

Bytes cross_over_der(ByteView input, ByteView other, std::size_t most, unsigned seed) {
  Random random(seed);
  auto tree = parse_nodes(input), donor = parse_nodes(other);
  const auto places = places_of(tree), donors = places_of(donor);
  if (places.empty() || donors.empty()) return Bytes(input.begin(), input.end());
  any_of(random, places).node() = any_of(random, donors).node();
  return fitting(encode(tree), input, most);
}

}  // namespace shutterseal::fuzz
