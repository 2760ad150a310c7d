// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/lib/world.h"

#include <openssl/cms.h>
#include <openssl/err.h>

#include <algorithm>
#include <set>

#include "src/base/file.h"
#include "src/base/text.h"
#include "src/envelope/layers.h"
#include "test/fuzz/lib/der_tree.h"
#include "test/fuzz/lib/fuzz.h"

namespace shutterseal::fuzz {

using namespace envelope;

static constexpr const char* kKeys = "test/fuzz/keys/";
static constexpr std::size_t kLargestFile = 1024 * 1024;

static Bytes key_file(const std::string& name) { return read_file(kKeys + name, kLargestFile); }
static PrivateKey key(const std::string& name) { return PrivateKey::from_pem(key_file(name + ".key"), Secret(), name); }
static Certificate certificate(const std::string& name) { return Certificate::from_pem(key_file(name + ".pem"), name); }

static World make_world() {
  World world{key("camera"),          key("custodian"),    key("authority"),          key("receipt"),        certificate("authority"),
              certificate("camera"),  certificate("other"), certificate("custodian"), certificate("receipt"), CameraId::parse("102").value(),
              {},                     {}};
  world.signers = {trusted_signer(world.camera), trusted_signer(world.other)};
  world.custodians = {world.custodian.ski};
  return world;
}

const World& world() {
  static const World all = make_world();
  return all;
}

static std::set<Digest> read_genuine() {
  std::set<Digest> all;
  const auto text = key_file("genuine");
  for (const auto line : split(as_text(text), '\n'))
    if (const auto digest = Digest::parse(line)) all.insert(*digest);
  HOLDS(!all.empty());
  return all;
}

bool is_genuine(ByteView signed_octets) {
  static const auto all = read_genuine();
  return all.contains(sha256(signed_octets));
}

// RFC 5652 section 5.4: what is signed has the SET tag, what is sent has [0].
bool is_genuine(const SignedView& view) {
  return sha256(view.content) == view.message_digest && is_genuine(der::element(der::kSet, {view.attributes}));
}

// ---- signing again ----------------------------------------------------------------------------------------------------------

static Node* child(Node* node, std::size_t index, std::uint8_t tag) {
  return node && index < node->children.size() && node->children[index].is(tag) ? &node->children[index] : nullptr;
}

static Node* last_child(Node* node, std::uint8_t tag) { return node ? child(node, node->children.size() - 1, tag) : nullptr; }

static Node* first_with_tag(Node* node, std::uint8_t tag) {
  if (!node) return nullptr;
  const auto found = std::find_if(node->children.begin(), node->children.end(), [tag](const Node& one) { return one.is(tag); });
  return found == node->children.end() ? nullptr : &*found;
}

static void set_leaf(Node& node, ByteView content) {
  node.children.clear();
  node.content.assign(content.begin(), content.end());
}

static void set_message_digest(Node& attributes, const Digest& digest) {
  static const auto kMessageDigest = der::oid({1, 2, 840, 113549, 1, 9, 4});
  for (auto& attribute : attributes.children) {
    auto* type = child(&attribute, 0, der::kOid);
    auto* value = child(child(&attribute, 1, der::kSet), 0, der::kOctetString);
    if (type && value && encode(*type) == kMessageDigest) set_leaf(*value, digest.view());
  }
}

Bytes signed_again(ByteView message, const PrivateKey& key) {
  auto nodes = parse_nodes(message);
  auto* info = nodes.empty() ? nullptr : nodes.data();
  auto* body = child(child(info, 1, 0xa0), 0, der::kSequence);
  auto* content = child(child(child(body, 2, der::kSequence), 1, 0xa0), 0, der::kOctetString);
  auto* signer = child(last_child(body, der::kSet), 0, der::kSequence);
  auto* attributes = first_with_tag(signer, 0xa0);
  auto* signature = last_child(signer, der::kOctetString);
  if (!content || !attributes || !signature) return Bytes(message.begin(), message.end());
  set_message_digest(*attributes, sha256(encode_content(*content)));
  set_leaf(*signature, sign_low_s(key, der::element(der::kSet, {encode_content(*attributes)})));
  return encode(nodes);
}

// ---- the template, a second time ----------------------------------------------------------------------------------------------

static Bytes attribute(std::initializer_list<std::uint32_t> type, ByteView value) {
  return der::sequence({der::oid(type), der::element(der::kSet, {value})});
}

static Bytes time_value(TimeMs time) {
  constexpr TimeMs kYear2050 = 2'524'608'000'000;
  const bool utc = time < kYear2050;
  return der::text(format_utc(time, utc ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ"), utc ? der::kUtcTime : der::kGeneralizedTime);
}

static Bytes canonical_attributes(const SignedView& view, Extra extra) {
  const auto certificate = der::sequence({der::sequence({der::sequence({der::octets(view.certificate_digest.view())})})});
  std::vector<Bytes> all{attribute({1, 2, 840, 113549, 1, 9, 3}, der::oid({1, 2, 840, 113549, 1, 7, 1})),
                         attribute({1, 2, 840, 113549, 1, 9, 4}, der::octets(view.message_digest.view())),
                         attribute({1, 2, 840, 113549, 1, 9, 5}, time_value(view.signing_time)),
                         attribute({1, 2, 840, 113549, 1, 9, 16, 2, 47}, certificate)};
  const auto last = extra == Extra::passage ? 1U : 2U;
  if (extra != Extra::none)
    all.push_back(attribute({1, 2, 840, 113556, 1, 8000, 2554, 31836, 3594, 27215, 19326, 40204, 3107389, 2001748, last}, view.extra));
  return der::set_of(std::move(all), 0xa0);
}

static Bytes canonical_message(const SignedView& view, Extra extra) {
  const auto sha = der::sequence({der::oid({2, 16, 840, 1, 101, 3, 4, 2, 1})});
  const auto ecdsa = der::sequence({der::oid({1, 2, 840, 10045, 4, 3, 2})});
  const auto signer = der::sequence({der::integer(3), der::octets(view.ski.view(), 0x80), sha, canonical_attributes(view, extra), ecdsa,
                                     der::octets(view.signature)});
  const auto content = der::sequence({der::oid({1, 2, 840, 113549, 1, 7, 1}), der::element(0xa0, {der::octets(view.content)})});
  const auto certificate = view.certificate.empty() ? Bytes() : der::element(0xa0, {view.certificate});
  const auto body = der::sequence({der::integer(3), der::element(der::kSet, {sha}), content, certificate, der::element(der::kSet, {signer})});
  return der::sequence({der::oid({1, 2, 840, 113549, 1, 7, 2}), der::element(0xa0, {body})});
}

// Of the two values of s that verify the smaller, in OpenSSL's encoding.
static bool is_low_s(ByteView signature) {
  const auto* at = signature.data();
  const EcdsaSigPtr parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())));
  ERR_clear_error();
  if (!parsed || i2d_ECDSA_SIG(parsed.get(), nullptr) != static_cast<int>(signature.size())) return false;
  const std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const BnPtr twice(BN_dup(ECDSA_SIG_get0_s(parsed.get())));
  return group && twice && BN_lshift1(twice.get(), twice.get()) == 1 && BN_cmp(twice.get(), EC_GROUP_get0_order(group.get())) < 0;
}

bool is_canonical(ByteView message, const SignedView& view, Extra extra) {
  return is_low_s(view.signature) && std::ranges::equal(canonical_message(view, extra), message);
}

bool stock_verifies(ByteView message, const Certificate& signer) {
  using CmsPtr = std::unique_ptr<CMS_ContentInfo, Freed<CMS_ContentInfo_free>>;
  const auto* at = message.data();
  const CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(message.size())));
  const auto* der = signer.der.data();
  const X509Ptr certificate(d2i_X509(nullptr, &der, static_cast<long>(signer.der.size())));
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> stack(sk_X509_new_null(), [](STACK_OF(X509)* all) { sk_X509_free(all); });
  const bool good = cms && at == message.data() + message.size() && certificate && stack && sk_X509_push(stack.get(), certificate.get()) > 0 &&
                    CMS_verify(cms.get(), stack.get(), nullptr, nullptr, nullptr, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace shutterseal::fuzz
