// SPDX-License-Identifier: Apache-2.0
// From a judged envelope to its row: flags, and evidence that a crash left without one.
#include <doctest/doctest.h>

#include <fstream>

#include "src/base/error.h"
#include "src/server/adopt.h"
#include "test/unit/envelope_world.h"
#include "test/unit/scratch.h"

namespace shutterseal::server {

struct AdoptWorld {
  Scratch scratch;
  envelope::TestWorld keys;
  CameraId id = *CameraId::parse("101");
  std::unique_ptr<evidence::Store> store = evidence::open_directory_store(scratch / "evidence");
  std::string cameras = make(scratch / "cameras");
  registry::Registry registry{cameras};
  ledger::Index index{scratch / "index.db", ledger::Access::read_write};
  envelope::Judge judge;

  AdoptWorld() {
    registry.enrol({.id = id, .uid = 1, .enrolled = 1, .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = {}, .networks = {}, .services = {}},
                   "key", keys.camera.fingerprint.hex(), keys.camera.to_pem());
  }
  static std::string make(const std::string& path) {
    std::filesystem::create_directory(path);
    return path;
  }
  JudgeOne judge_one() {
    return [this](ByteView bytes, const CameraId& camera, const std::vector<Signer>& signers) {
      return judge.envelope(bytes, camera.text(), keys_of(signers), {&keys.custodian.ski, 1});
    };
  }
  Adoption adopt_all() {
    return adopt({*store, ledger::Place::evidence}, index, registry, 0, judge_one(), [](const Adoption&) {});
  }
  evidence::Location put(const envelope::Sealed& sealed, std::uint64_t sequence) {
    return store->put({{id, envelope::test_passage().chain, sequence, sealed.digest, 1'800'000'000'500, sealed.view()}}).front();
  }
};

TEST_CASE("evidence without a row gets one, once, and rubbish is left where it is") {
  AdoptWorld world;
  const auto sealer = world.keys.sealer();
  const auto location = world.put(seal_test(sealer, envelope::test_passage(1), envelope::random_octets(10)), 1);
  auto bad = seal_test(sealer, envelope::test_passage(2), envelope::random_octets(10));
  bad.storage.span()[bad.offset + 100] ^= 1;
  static_cast<void>(world.put(bad, 2));
  const auto first = world.adopt_all();
  CHECK(first.adopted == 1);
  REQUIRE(first.left_out.size() == 1);
  CHECK(world.adopt_all().adopted == 0);
  CHECK(world.index.has_location(1'800'000'000'500, location));
  CHECK(world.index.count() == 1);
}

TEST_CASE("a certificate past its end makes evidence expired, and a contradiction a fork") {
  AdoptWorld world;
  const auto sealed = seal_test(world.keys.sealer(), envelope::test_passage(5), envelope::random_octets(10));
  const auto judged = world.judge_one()(sealed.view(), world.id, camera_signers(world.registry, world.id));
  REQUIRE(judged.verdict == Verdict::accepted);
  CHECK(stored_verdict(world.id, judged, envelope::kEnd, envelope::kEnd - 1, world.index) == Verdict::accepted);
  CHECK(stored_verdict(world.id, judged, envelope::kEnd, envelope::kEnd + 1, world.index) == Verdict::expired);
  auto other = make_row(world.id, judged, Verdict::accepted, 1, "elsewhere", ledger::Place::evidence);
  other.digest.octets.fill(1);
  world.index.begin();
  CHECK(world.index.insert(other));
  world.index.commit();
  CHECK(stored_verdict(world.id, judged, envelope::kEnd, envelope::kEnd + 1, world.index) == Verdict::fork);
}

TEST_CASE("the registry's certificates are those of their camera, or nothing works for it") {
  AdoptWorld world;
  CHECK(camera_signers(world.registry, world.id).size() == 1);
  const auto other = world.keys.make(envelope::Role::camera, "cam-102", world.keys.custodian_key);
  world.registry.add_certificate(world.id, other.fingerprint.hex(), other.to_pem());
  CHECK_THROWS_AS(static_cast<void>(camera_signers(world.registry, world.id)), Error);
}

TEST_CASE("a certificate that is added is seen at once") {
  AdoptWorld world;
  SignerCache cache(world.registry);
  CHECK(cache.of(world.id).size() == 1);
  const auto renewed = world.keys.make(envelope::Role::camera, "cam-101", world.keys.custodian_key);
  world.registry.add_certificate(world.id, renewed.fingerprint.hex(), renewed.to_pem());
  CHECK(cache.of(world.id).size() == 2);
  CHECK(cache.of(*CameraId::parse("999")).empty());
}

TEST_CASE("a renewed certificate counts beside the authority's for the same key, and a stranger's stops its camera") {
  AdoptWorld world;
  const auto key = envelope::PrivateKey::generate();
  const auto intermediate = world.keys.make(envelope::Role::intermediate, "renewals", key);
  const auto add = [&](const envelope::PrivateKey& subject, bool with_chain) {
    const auto renewed = envelope::issue_certificate({envelope::Role::camera, "cam-101", subject.public_point(), envelope::kBegin + 1000, envelope::kEnd}, key, &intermediate);
    const auto name = renewed.fingerprint.hex();
    world.registry.add_certificate(world.id, name, renewed.to_pem() + (with_chain ? intermediate.to_pem() : ""));
    return world.cameras + "/cam-101/signing/" + name + ".pem";
  };
  static_cast<void>(add(world.keys.camera_key, true));
  CHECK(camera_signers(world.registry, world.id).size() == 2);
  CHECK(newest_certificates(world.registry, world.id).chain.size() == 2);
  CHECK(newest_certificates(world.registry, world.id).certified.fingerprint == world.keys.camera.fingerprint);
  const auto stranger = envelope::PrivateKey::generate();
  const auto bad = add(stranger, true);
  CHECK_THROWS_AS(static_cast<void>(camera_signers(world.registry, world.id)), Error);
  std::filesystem::remove(bad);
  // Without its chain it would pass for an administrator's, were the authority not known.
  const auto stripped = add(stranger, false);
  CHECK(camera_signers(world.registry, world.id).size() == 3);
  std::ofstream(world.scratch / "authority.pem") << world.keys.authority.to_pem();
  CHECK_THROWS_AS(static_cast<void>(camera_signers(world.registry, world.id)), Error);
  std::filesystem::remove(stripped);
  CHECK(camera_signers(world.registry, world.id).size() == 2);
}

}  // namespace shutterseal::server
