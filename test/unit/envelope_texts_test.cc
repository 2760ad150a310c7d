// SPDX-License-Identifier: Apache-2.0
// Keys, requests, receipts and bundles.
#include <doctest/doctest.h>

#include <functional>

#include "src/base/error.h"
#include "src/envelope/lines.h"
#include "test/unit/envelope_world.h"

namespace shutterseal::envelope {

static ErrorKind kind_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no Error");
  return ErrorKind::internal;
}

TEST_CASE("a private key opens with its passphrase and with no other") {
  const auto key = PrivateKey::generate();
  const auto pem = key.to_pem(Secret("right"));
  CHECK(as_text(pem).find("BEGIN ENCRYPTED PRIVATE KEY") != std::string_view::npos);
  CHECK(PrivateKey::from_pem(pem, Secret("right"), "k").public_point() == key.public_point());
  CHECK(kind_of([&] { static_cast<void>(PrivateKey::from_pem(pem, Secret("wrong"), "k")); }) == ErrorKind::permission);
  CHECK(kind_of([&] { static_cast<void>(PrivateKey::from_pem(as_bytes("rubbish"), Secret(), "k")); }) == ErrorKind::data);
}

TEST_CASE("a request carries both keys, and none that was changed is read") {
  const auto id = *CameraId::parse("101");
  const auto key = PrivateKey::generate(), ssh = PrivateKey::generate();
  const auto pem = make_request_pem(id, key, ssh.ssh_public_key("cam-101"));
  const auto reading = read_request_pem(pem);
  REQUIRE(reading.request);
  CHECK(reading.request->camera == id);
  CHECK(reading.request->signing_key == key.public_point());
  CHECK(reading.request->ssh_public_key == ssh.ssh_public_key("").substr(0, reading.request->ssh_public_key.size()));
  const std::string text(as_text(pem));
  const auto body = text.find('\n') + 1;
  for (std::size_t at = body; at < text.size(); at += 7) {
    auto changed = text;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    const auto again = read_request_pem(as_bytes(changed));
    CHECK((!again.request || changed == text));
    if (!again.request) CHECK_FALSE(again.reason.empty());
  }
}

TEST_CASE("a request's challenge is one printable word, read back and signed") {
  const auto id = *CameraId::parse("101");
  const auto key = PrivateKey::generate(), ssh = PrivateKey::generate();
  for (const auto& word : {std::string("x"), std::string(64, 'a'), std::string(kLongestChallenge, '~')}) {
    const auto reading = read_request_pem(make_request_pem(id, key, ssh.ssh_public_key("c"), word));
    REQUIRE(reading.request);
    CHECK(reading.request->challenge == word);
  }
  CHECK(read_request_pem(make_request_pem(id, key, ssh.ssh_public_key("c"))).request->challenge.empty());
  for (const auto& word : {std::string("two words"), std::string("line\n"), std::string(kLongestChallenge + 1, 'a')})
    CHECK_FALSE(read_request_pem(make_request_pem(id, key, ssh.ssh_public_key("c"), word)).request);
}

struct Intermediate {
  TestWorld world;
  PrivateKey key = PrivateKey::generate();
  Certificate certificate = world.make(Role::intermediate, "renewals", key);
  Certificate renew(const PrivateKey& subject, const char* name = "cam-101", Role role = Role::camera) const {
    return issue_certificate({role, name, subject.public_point(), kBegin + 1000, kEnd}, key, &certificate);
  }
  bool is_good(const Certificate& renewed) const { return is_good_renewal(std::vector{renewed, certificate}, world.camera, world.authority); }
};

TEST_CASE("an intermediate gives a certified key more time, and can do nothing else") {
  const Intermediate one;
  CHECK(one.certificate.is_intermediate);
  CHECK_FALSE(one.certificate.is_authority);
  const auto renewed = one.renew(one.world.camera_key);
  CHECK(one.is_good(renewed));
  const auto stranger = PrivateKey::generate();
  CHECK_FALSE(one.is_good(one.renew(stranger)));
  CHECK_FALSE(one.is_good(one.renew(one.world.camera_key, "cam-102")));
  CHECK_FALSE(one.is_good(one.renew(one.world.camera_key, "cam-101", Role::intermediate)));
  // Not a base for another renewal, not an authority, and no other's intermediate.
  CHECK_FALSE(is_good_renewal(std::vector{renewed, one.certificate}, renewed, one.world.authority));
  CHECK_FALSE(renewed.is_signed_by(one.certificate));
  CHECK_FALSE(is_good_renewal(std::vector{renewed, one.certificate}, one.world.camera, one.certificate));
  const Intermediate other;
  CHECK_FALSE(is_good_renewal(std::vector{other.renew(one.world.camera_key), other.certificate}, one.world.camera, one.world.authority));
  // By hand the authority signs itself; what an intermediate signed does not pass for that.
  CHECK(is_good_renewal(std::vector{one.world.camera}, one.world.camera, one.world.authority));
  CHECK_FALSE(is_good_renewal(std::vector{renewed}, one.world.camera, one.world.authority));
  CHECK_FALSE(is_good_renewal(std::vector{one.world.camera, one.world.authority}, one.world.camera, one.world.authority));
}

struct Receipts {
  PrivateKey key = PrivateKey::generate();
  Certificate certificate = issue_certificate({Role::receipt, "receipts", key.public_point(), kBegin, kEnd}, key, nullptr);
  ReceiptKey receipt_key() const { return {PrivateKey::from_pem(key.to_pem(Secret()), Secret(), "r"), certificate}; }
};

static Receipt some_receipt() {
  Receipt receipt{.camera = *CameraId::parse("101"), .time = 1'800'000'000'123, .number = 7, .runs = {}, .refusals = {}};
  Run run;
  run.chain.octets.fill(3);
  run.first = 2;
  run.last = 9;
  run.last_digest.octets.fill(5);
  receipt.runs.push_back(run);
  receipt.refusals.push_back({"1-2-00000000000000aa.parcel", sha256(as_bytes("x")), Verdict::bad_signature});
  return receipt;
}

TEST_CASE("a receipt is read with its pinned key, for its camera, and unchanged") {
  const Receipts receipts, others;
  const auto bytes = sign_receipt(some_receipt(), receipts.receipt_key());
  const auto id = *CameraId::parse("101");
  const std::vector<Digest> pins{others.certificate.fingerprint, receipts.certificate.fingerprint};
  const auto reading = read_receipt(bytes, id, pins);
  REQUIRE(reading.value);
  CHECK(reading.value->runs == some_receipt().runs);
  CHECK(reading.value->number == 7);
  REQUIRE(reading.value->refusals.size() == 1);
  CHECK(reading.value->refusals[0].verdict == Verdict::bad_signature);
  CHECK_FALSE(read_receipt(bytes, id, {&others.certificate.fingerprint, 1}).value);
  CHECK_FALSE(read_receipt(bytes, *CameraId::parse("102"), pins).value);
  auto changed = bytes;
  for (std::size_t at = 0; at < changed.size(); at += 3) {
    changed[at] ^= 1;
    CHECK_FALSE(read_receipt(changed, id, pins).value);
    changed[at] ^= 1;
  }
}

TEST_CASE("a bundle is read when its authority is the pinned one and certified everybody in it") {
  const TestWorld world, other;
  const Receipts receipts;
  Bundle bundle{.serial = 3,
                .camera = *CameraId::parse("101"),
                .urls = {"sftp://drop.example.org/"},
                .host_key_pins = {"SHA256:" + std::string(43, 'A')},
                .tls_authorities = {},
                .receipt_pins = {receipts.certificate.fingerprint},
                .custodians = {world.custodian},
                .certificate = {world.camera}};
  const auto bytes = sign_bundle(bundle_text(bundle), world.authority_key, world.authority);
  CHECK(bundle_authority(bytes) == world.authority.fingerprint);
  const auto reading = read_bundle(bytes, world.authority.fingerprint);
  REQUIRE(reading.value);
  CHECK(reading.value->bundle.serial == 3);
  CHECK(reading.value->bundle.urls == bundle.urls);
  CHECK_FALSE(read_bundle(bytes, other.authority.fingerprint).value);
  bundle.custodians = {other.custodian};
  CHECK_FALSE(read_bundle(sign_bundle(bundle_text(bundle), world.authority_key, world.authority), world.authority.fingerprint).value);
  CHECK_FALSE(parse_bundle_text("shutterseal-bundle 1\nserial 1\n").value);
}

TEST_CASE("a renewal is read by its pin, for its camera, and whole") {
  const Intermediate one;
  const Receipts receipts;
  const auto id = *CameraId::parse("101");
  const auto bytes = sign_renewal({id, {one.renew(one.world.camera_key), one.certificate}}, receipts.receipt_key());
  const auto pin = receipts.certificate.fingerprint;
  const auto reading = read_renewal(bytes, id, std::span(&pin, 1));
  REQUIRE(reading.value);
  CHECK(is_good_renewal(reading.value->chain, one.world.camera, one.world.authority));
  CHECK(read_renewal(sign_renewal({id, {one.world.camera}}, receipts.receipt_key()), id, std::span(&pin, 1)).value->chain.size() == 1);
  CHECK(read_renewal(bytes, *CameraId::parse("102"), std::span(&pin, 1)).reason == "for another camera");
  const auto foreign = one.certificate.fingerprint;
  CHECK_FALSE(read_renewal(bytes, id, std::span(&foreign, 1)).value);
  for (std::size_t at = 0; at < bytes.size(); at += 31) {
    auto changed = bytes;
    changed[at] ^= 1;
    CHECK_FALSE(read_renewal(changed, id, std::span(&pin, 1)).value);
  }
  const auto receipt = sign_text("shutterseal-renewal 2\n", receipts.key, receipts.certificate);
  CHECK(read_renewal(receipt, id, std::span(&pin, 1)).reason.starts_with("malformed"));
}

}  // namespace shutterseal::envelope
