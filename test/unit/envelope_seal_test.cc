// SPDX-License-Identifier: Apache-2.0
// What we seal is judged good and opens; what differs by one octet is not.
#include <doctest/doctest.h>

#include <set>

#include "test/unit/envelope_world.h"

namespace shutterseal::envelope {

static Judged judge_one(const TestWorld& world, ByteView bytes, const char* camera = "101") {
  const auto signer = world.signer();
  Judge judge;
  return judge.envelope(bytes, camera, {&signer, 1}, {&world.custodian.ski, 1});
}

TEST_CASE("a sealed picture is accepted and opens octet for octet, at every kind of size") {
  const TestWorld world;
  const auto sealer = world.sealer();
  for (const std::size_t size : {1UL, 100UL, 127UL, 128UL, 255UL, 256UL, 65535UL, 65536UL, 300000UL}) {
    CAPTURE(size);
    const auto picture = random_octets(size);
    const auto sealed = seal_test(sealer, test_passage(), picture);
    CHECK(sealed.digest == sha256(sealed.view()));
    const auto judged = judge_one(world, sealed.view());
    REQUIRE(judged.verdict == Verdict::accepted);
    CHECK(judged.passage.sequence == 1);
    CHECK(judged.digest == sealed.digest);
    const auto opened = open_envelope(sealed.view(), judged, world.signer(), world.custodian_key);
    REQUIRE(opened.verdict == Verdict::accepted);
    CHECK(opened.content == picture);
    CHECK(opened.capture.file_name == "101_2026_11_23_10_11_12.jpg");
  }
}

TEST_CASE("the name is that of all octets, whether or not the signature has the size that its computation began with") {
  const TestWorld world;
  const auto sealer = world.sealer();
  const auto picture = random_octets(40000);
  std::set<std::size_t> sizes;
  for (int i = 0; i < 300; ++i) {
    const auto sealed = seal_test(sealer, test_passage(), picture);
    sizes.insert(sealed.size);
    REQUIRE(sealed.digest == sha256(sealed.view()));
  }
  CHECK(sizes.size() > 1);
}

TEST_CASE("sixteen custodians can each open it, and a note and an anchor arrive") {
  TestWorld world;
  std::vector<PrivateKey> keys;
  std::vector<Certificate> custodians;
  for (int i = 0; i < 16; ++i) {
    keys.push_back(PrivateKey::generate());
    custodians.push_back(world.make(Role::custodian, "custodian", keys.back()));
  }
  const Sealer sealer(world.copy_of_camera_key(), world.camera, custodians);
  auto passage = test_passage();
  passage.kind = Kind::event;
  passage.note = "gap 12-19 disk-full";
  passage.anchor = Anchor{42, sha256(as_bytes("root"))};
  const auto sealed = seal_test(sealer, passage, as_bytes("text"));
  const auto signer = world.signer();
  Judge judge;
  const auto judged = judge.envelope(sealed.view(), "101", {&signer, 1}, {&custodians[15].ski, 1});
  REQUIRE(judged.verdict == Verdict::accepted);
  CHECK(judged.passage.note == passage.note);
  CHECK(judged.passage.anchor == passage.anchor);
  CHECK(judged.passage.kind == Kind::event);
  for (const auto& key : keys) CHECK(open_envelope(sealed.view(), judged, signer, key).verdict == Verdict::accepted);
  CHECK(open_envelope(sealed.view(), judged, signer, world.custodian_key).verdict == Verdict::not_decryptable);
}

TEST_CASE("every change of one octet is refused, in whatever layer") {
  const TestWorld world;
  const auto sealed = seal_test(world.sealer(), test_passage(), random_octets(64));
  Bytes bytes(sealed.view().begin(), sealed.view().end());
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (const auto flip : {std::uint8_t{0x01}, std::uint8_t{0x80}, std::uint8_t{0xff}}) {
      bytes[at] ^= flip;
      const auto verdict = judge_one(world, bytes).verdict;
      INFO("octet ", at, " flip ", int{flip}, " ", verdict_name(verdict));
      CHECK_FALSE(is_receipted(verdict));
      bytes[at] ^= flip;
    }
}

TEST_CASE("every truncation and anything behind the end is malformed") {
  const TestWorld world;
  const auto sealed = seal_test(world.sealer(), test_passage(), random_octets(10));
  for (std::size_t size = 0; size < sealed.view().size(); ++size) CHECK(judge_one(world, sealed.view().first(size)).verdict == Verdict::malformed);
  Bytes longer(sealed.view().begin(), sealed.view().end());
  longer.push_back(0);
  CHECK(judge_one(world, longer).verdict == Verdict::malformed);
}

TEST_CASE("the signer and the camera come from what is known, never from the message") {
  const TestWorld world, other;
  const auto sealed = seal_test(world.sealer(), test_passage(), random_octets(10));
  CHECK(judge_one(world, sealed.view(), "102").verdict == Verdict::wrong_camera);
  CHECK(judge_one(other, sealed.view()).verdict == Verdict::unknown_signer);
  auto confused = world.signer();
  confused.point = other.camera.point;  // the registry says another key than the one that signed
  Judge judge;
  CHECK(judge.envelope(sealed.view(), "101", {&confused, 1}, {&world.custodian.ski, 1}).verdict == Verdict::bad_signature);
  const auto signer = world.signer();
  CHECK(judge.envelope(sealed.view(), "101", {&signer, 1}, {&other.custodian.ski, 1}).verdict == Verdict::wrong_recipients);
}

TEST_CASE("a parcel is judged envelope by envelope, and a bad one hides no good one") {
  const TestWorld world;
  const auto sealer = world.sealer();
  const auto first = seal_test(sealer, test_passage(1), random_octets(10)), second = seal_test(sealer, test_passage(2), random_octets(20));
  Bytes parcel;
  for (const auto* one : {&first, &second, &first}) parcel.insert(parcel.end(), one->view().begin(), one->view().end());
  parcel[first.view().size() + 200] ^= 1;
  const auto signer = world.signer();
  Judge judge;
  const auto judged = judge.parcel(parcel, "101", {&signer, 1}, {&world.custodian.ski, 1});
  REQUIRE(judged.size() == 3);
  CHECK(judged[0].verdict == Verdict::accepted);
  CHECK(is_refused(judged[1].verdict));
  CHECK(judged[2].verdict == Verdict::accepted);
  CHECK(judged[2].offset == first.view().size() + second.view().size());
  const auto two = judge.parcel(parcel, "101", {&signer, 1}, {&world.custodian.ski, 1}, 2);
  REQUIRE(two.size() == 2);
  CHECK(two[0].verdict == Verdict::accepted);
  CHECK(two[1].verdict == Verdict::malformed);
  CHECK(two[1].offset + two[1].size == parcel.size());
  CHECK(judge.parcel(parcel, "101", {&signer, 1}, {&world.custodian.ski, 1}, 3).back().verdict == Verdict::accepted);
  const auto empty = judge.parcel({}, "101", {&signer, 1}, {&world.custodian.ski, 1});
  REQUIRE(empty.size() == 1);
  CHECK(empty[0].verdict == Verdict::malformed);
}

TEST_CASE("a picture beyond the limit is too large") {
  const TestWorld world;
  const auto sealed = seal_test(world.sealer(), test_passage(), random_octets(20'000));
  const auto signer = world.signer();
  Judge judge(1000);
  CHECK(judge.envelope(sealed.view(), "101", {&signer, 1}, {&world.custodian.ski, 1}).verdict == Verdict::too_large);
}

}  // namespace shutterseal::envelope
