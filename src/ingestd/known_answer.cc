// SPDX-License-Identifier: Apache-2.0
#include "src/ingestd/known_answer.h"

#include <algorithm>

namespace shutterseal::ingestd {

static constexpr std::string_view kName = "self-test";
static constexpr std::string_view kContent = "not a picture";

static KnownAnswer make() {
  using namespace envelope;
  const TimeMs now = now_ms(), later = now + TimeMs{24} * 3600 * 1000;
  const auto authority_key = PrivateKey::generate();
  const auto authority = issue_certificate({Role::authority, "self-test authority", authority_key.public_point(), now, later}, authority_key, nullptr);
  auto camera_key = PrivateKey::generate();
  auto camera = issue_certificate({Role::camera, "cam-self-test", camera_key.public_point(), now, later}, authority_key, &authority);
  const auto custodian = issue_certificate({Role::custodian, "self-test custodian", PrivateKey::generate().public_point(), now, later}, authority_key, &authority);

  Passage passage;
  passage.camera = kName;
  passage.chain.octets.fill(1);
  passage.sequence = 1;
  passage.sealed_at = now;
  const auto signer = server::signer_of(camera);
  const Sealer sealer(std::move(camera_key), std::move(camera), {custodian});
  PictureBuffer picture(kContent.size(), sealer.recipients());
  std::copy(kContent.begin(), kContent.end(), picture.content().begin());
  const auto sealed = sealer.seal(passage, {passage.camera, passage.chain, passage.sequence, "self-test.jpg", now, "image/jpeg"}, std::move(picture));
  Arena octets;
  octets.load(sealed.view());
  return {CameraId::parse(kName).value(), std::move(octets), {signer}, server::skis_of({custodian})};
}

const KnownAnswer& known_answer() {
  static const KnownAnswer answer = make();
  return answer;
}

}  // namespace shutterseal::ingestd
