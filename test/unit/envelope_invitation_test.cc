// SPDX-License-Identifier: Apache-2.0
// The line, what its token makes, and the answer.
#include <doctest/doctest.h>

#include "src/base/text.h"
#include "src/envelope/invitation.h"
#include "test/unit/envelope_world.h"

namespace shutterseal::envelope {

static Invitation some_invitation() {
  Invitation invitation{*CameraId::parse("north-7"), new_token(), sha256(as_bytes("authority")), {"sftp://drop.example.org:2022/", "sftp://[2001:db8::1]/"}, {"SHA256:abc"}};
  return invitation;
}

TEST_CASE("an invitation is one line, and nothing else is read as one") {
  const auto invitation = some_invitation();
  const auto line = invitation_line(invitation);
  CHECK(line.find('\n') == std::string::npos);
  const auto reading = parse_invitation(line);
  REQUIRE(reading.value);
  CHECK(invitation_line(*reading.value) == line);
  CHECK(reading.value->token == invitation.token);
  CHECK(reading.value->authority == invitation.authority);
  for (std::size_t size = 0; size + 12 < line.size(); ++size) CHECK_FALSE(parse_invitation(line.substr(0, size)).value);
  for (const auto* more : {" ", " ftp://x/", " sftp://late/", " SHA256:a SHA256:b SHA256:c SHA256:d", "  SHA256:a", "\n", " SHA256:\x7f"})
    CHECK_FALSE(parse_invitation(line + more).value);
  CHECK_FALSE(parse_invitation(std::string(2000, 'x')).reason.empty());
}

TEST_CASE("a token makes one key and one name, and its hash tells neither") {
  const auto token = new_token();
  CHECK(key_of_token(token).public_point() == key_of_token(token).public_point());
  CHECK(key_of_token(token).public_point() != key_of_token(new_token()).public_point());
  // Computed by another implementation: d = SHA-256("shutterseal key\n" || token || 00).
  CHECK(to_hex(key_of_token("00112233445566778899aabbccddeeff00112233").public_point()) == "04f1451917f6f65bca6b976268d81cb88acc74699dc9167d8435194dc3fcc35a1c"
                                                                                                     "f6ded8cbec3c5865c1246341d1ca7b2b2426a45f7c3eb3a6fdd5b0bb43fe04f7");
  const auto one = PrivateKey::generate().public_point(), other = PrivateKey::generate().public_point();
  CHECK(name_of_request(one, token) != name_of_request(other, token));
  CHECK(name_of_request(one, token) != name_of_request(one, new_token()));
  CHECK(token_hash(token) != token_hash(new_token()));
  CHECK(token_hash(token).hex().find(token) == std::string::npos);
}

TEST_CASE("an answer opens with the request's key, with the token's where that is in a chip, and with no other") {
  const auto token = new_token();
  const auto own = PrivateKey::generate(), stranger = PrivateKey::generate();
  const auto text = random_octets(3000);
  const auto bytes = encrypt_answer(text, own.public_point(), token);
  CHECK(decrypt_answer(bytes, own, new_token()) == text);
  CHECK(decrypt_answer(bytes, PrivateKey::in_hardware(own.public_point(), [](const Digest&) { return RawSignature{}; }), token) == text);
  CHECK_FALSE(decrypt_answer(bytes, stranger, new_token()));
  for (std::size_t at = 0; at < bytes.size(); at += 37) {
    auto changed = bytes;
    changed[at] ^= 1;
    const auto opened = decrypt_answer(changed, own, new_token());  // what is for the other key is not looked at
    CHECK((!opened || *opened == text));
  }
}

}  // namespace shutterseal::envelope
