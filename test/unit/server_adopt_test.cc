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
    return server::adopt_all({*store, ledger::Place::evidence}, index, registry, judge_one(), [](const Adoption&) {});
  }
  evidence::Location put(const envelope::Sealed& sealed, std::uint64_t sequence, TimeMs received = 1'800'000'000'500) {
    return store->put({{id, envelope::test_passage().chain, sequence, sealed.digest, received, sealed.view()}}).front().location;
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

// As a folder is once the present is past.
static void age(AdoptWorld& world, const evidence::Location& item, int hours) {
  const auto folder = (world.scratch / "evidence") + "/" + item.substr(0, item.rfind('/'));
  std::filesystem::last_write_time(folder, std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
}

TEST_CASE("evidence is found whatever its time, and a folder that did not change is not read again") {
  AdoptWorld world;
  const auto sealer = world.keys.sealer();
  const auto put = [&](std::uint64_t sequence, TimeMs received) { return world.put(seal_test(sealer, envelope::test_passage(sequence), envelope::random_octets(10)), sequence, received); };
  const auto newest = put(3, 1'800'000'000'500);
  age(world, newest, 1);
  CHECK(world.adopt_all().adopted == 1);
  const auto older = put(1, 1'700'000'000'500);
  age(world, older, 1);
  const auto second = world.adopt_all();
  CHECK(second.adopted == 1);
  CHECK(second.seen == 1);  // of the newer folder no name was read
  CHECK(world.adopt_all().seen == 0);
  age(world, put(2, 1'800'000'000'600), 2);
  CHECK(world.adopt_all().adopted == 1);
  CHECK(world.adopt_all().seen == 0);
}

TEST_CASE("one digest is one row: a second file of the same octets is left and said, or takes the place of the first where that is gone") {
  AdoptWorld world;
  const auto sealed = seal_test(world.keys.sealer(), envelope::test_passage(1), envelope::random_octets(10));
  const auto first = world.put(sealed, 1);
  CHECK(world.adopt_all().adopted == 1);
  const auto second = world.put(sealed, 1, 1'900'000'000'500);
  const auto adoption = world.adopt_all();
  CHECK(adoption.adopted == 0);
  REQUIRE(adoption.left_out.size() == 1);
  CHECK(adoption.left_out[0] == second + ": the same octets as " + first);
  world.store->remove(first);
  static_cast<void>(world.adopt_all());
  CHECK(world.index.count() == 1);
  CHECK(world.index.find_digest(sealed.digest)->location == second);
}

TEST_CASE("a file, a folder and a camera that cannot be read cost themselves alone") {
  AdoptWorld world;
  const auto other = *CameraId::parse("102");
  const auto sealer = world.keys.sealer();
  const auto root = world.scratch / "evidence";
  const auto good = world.put(seal_test(sealer, envelope::test_passage(1), envelope::random_octets(10)), 1);
  const auto hour = root + "/" + good.substr(0, good.rfind('/'));
  std::filesystem::create_directory(hour + "/1800000000501-00000000-2-" + std::string(64, '2') + ".p7m");
  std::ofstream(root + "/cam-101/2001-01-01") << "x";
  std::filesystem::create_directory(root + "/cam-101/2001-01-02");
  std::ofstream(root + "/cam-101/2001-01-02/11") << "x";
  std::ofstream(root + "/" + other.account()) << "x";
  const auto adoption = world.adopt_all();
  CHECK(adoption.adopted == 1);
  CHECK(adoption.left_out.size() == 4);
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
